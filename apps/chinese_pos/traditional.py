"""Traditional characters -> the simplified ones that a tagger of simplified text reads in their place."""

from __future__ import annotations

from apps.pipeline.errors import DataError

IDEOGRAPHS = (range(0x3400, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x32400))


def twins() -> dict[str, str]:
    """{traditional character: its simplified twin}, by the OpenCC project's table of single characters.

    It is asked when a model is made, and the twins that the model needs are kept in `vocabulary.json`: what uses the
    model needs no OpenCC. DataError if it isn't installed.
    """
    try:
        import opencc
    except ImportError:
        raise DataError(
            "expected the package opencc, got none: install it with pip install '.[train]' in the project's folder"
        ) from None
    simplified = opencc.OpenCC("t2s")
    every = (chr(code) for codes in IDEOGRAPHS for code in codes)
    found = {character: simplified.convert(character) for character in every}
    return {character: twin for character, twin in found.items() if twin != character and len(twin) == 1}
