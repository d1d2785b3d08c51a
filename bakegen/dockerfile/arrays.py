"""JSON arrays of strings, the exec form of instructions, as Go's encoding/json takes them."""

from __future__ import annotations

import json
import math
import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def strings(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array, or None if ``text`` is no JSON; a TypeError if it holds anything else.

    ``text`` begins with a bracket.
    """
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in found):
        raise TypeError("a JSON array here can hold strings only")
    return tuple(_SURROGATE.sub("\ufffd", item) for item in found)  # as Go reads half a pair


def _refused(name: str) -> float:
    """Raise a ValueError: JSON has no NaN and no Infinity, whatever Python says."""
    raise ValueError(name)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refused, parse_int=_number, parse_float=_number)
