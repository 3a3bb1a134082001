"""What is printed is safe: what comes from outside can't drive the terminal or split a line of JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

INPUT, ANSWER = {"told as": "input"}, {"told as": "answer"}  # metadata of the fields that JSON calls so in all apps

# Control characters (C0, DEL, C1), what Unicode takes for the end of a line, what turns the direction of writing round
# and what isn't a character at all: each moves, hides or ends what stands beside it.
_UNSAFE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, keep: str = "") -> str:
    r"""`text` with unsafe characters written as Python writes them (`\x1b`, `\u2028`), except those in `keep`."""

    def shown(match: re.Match[str]) -> str:
        character = match[0]
        if character in keep:
            return character
        code = ord(character)
        return _NAMES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

    return re.sub(f"[{_UNSAFE}]", shown, text)


def json_line(value: Any) -> str:
    """JSON on one line by every reader's idea of a line: unsafe characters are escaped, all others are as they are.

    ValueError: a number that JSON doesn't have, NaN or infinite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub(f"[{_UNSAFE}]", lambda match: f"\\u{ord(match[0]):04x}", text)


def as_object(answer: Any) -> dict[str, Any]:
    """An answer, a dataclass, as all apps give it to machines: "input" and "answer" first, None if there is none, then
    its other fields by their names.

    The fields that are input and answer have INPUT and ANSWER as metadata. Those that have their default value or
    aren't part of the repr are left out.
    """
    told = [field for field in dataclasses.fields(answer) if field.repr]
    told = [field for field in told if getattr(answer, field.name) is not field.default]
    return {field.metadata.get("told as", field.name): getattr(answer, field.name) for field in told}
