"""Lists the apps: python -m apps."""

import ast
from pathlib import Path


def main() -> None:
    """Prints each app, and then the lessons, with the first line of its docstring."""
    folder = Path(__file__).parent
    for path in [*sorted(folder.glob("[a-z]*.py")), folder / "lessons" / "__init__.py"]:
        summary = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        name = path.parent.name if path.stem == "__init__" else path.stem
        print(f"python -m apps.{name:<14} {summary}")


if __name__ == "__main__":
    main()
