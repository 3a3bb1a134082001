"""Lists the lessons: python -m apps.lessons."""

import sys
from pathlib import Path

from apps.lessons.lesson import summary
from apps.pipeline.command_line import exit_status


def main() -> None:
    """Prints each lesson with the first line of its docstring, in alphabetical order."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if path.stem != "lesson":
            print(f"python -m apps.lessons.{path.stem:<23} {summary(path)}")


if __name__ == "__main__":
    sys.exit(exit_status("python -m apps.lessons", main))
