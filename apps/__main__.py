"""Lists the apps: python -m apps."""

import ast
from pathlib import Path


def main() -> None:
    """Prints each app with the first line of its docstring."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        summary = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        print(f"python -m apps.{path.stem:<14} {summary}")


if __name__ == "__main__":
    main()
