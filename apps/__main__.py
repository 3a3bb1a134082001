"""Lists the apps: python -m apps."""

import ast
from pathlib import Path


def main() -> None:
    """Prints each app, and then the lessons, with the first line of its docstring."""
    folders = {path.parent for path in Path(__file__).parent.glob("*/__main__.py")}
    for folder in sorted(folders, key=lambda folder: (folder.name == "lessons", folder.name)):
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        summary = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        print(f"python -m apps.{folder.name:<14} {summary}")


if __name__ == "__main__":
    main()
