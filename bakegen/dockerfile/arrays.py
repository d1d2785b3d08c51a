"""JSON arrays of strings, the exec form of instructions, as Go's encoding/json takes them."""

from __future__ import annotations

import json
import math
import re

_SPACE = r"[ \t\r\n]*"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_STRINGS = re.compile(rf"\[{_SPACE}(?:{_STRING}(?:{_SPACE},{_SPACE}{_STRING})*)?{_SPACE}\]{_SPACE}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def strings(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array, or None if ``text`` is no JSON; a TypeError if it holds anything else.

    ``text`` begins with a bracket.
    """
    if _STRINGS.fullmatch(text):
        return tuple(_SURROGATE.sub("\ufffd", s) for s in json.loads(text))  # as Go reads half a pair
    try:
        json.loads(text, parse_constant=_refused, parse_int=_number, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    raise TypeError("a JSON array here can hold strings only")


def _refused(name: str) -> float:
    """Raise a ValueError: JSON has no NaN and no Infinity, whatever Python says."""
    raise ValueError(name)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number
