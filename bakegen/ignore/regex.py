r"""A pattern of .dockerignore -> a regular expression that matches the paths BuildKit's does.

BuildKit makes a regular expression of Go's from the pattern (https://github.com/moby/patternmatcher) and leaves in it what it
does not know: braces repeat, a bar parts alternatives, ``\d`` is a digit. This module goes the same way, in two steps.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["exact", "prefix", "suffix", "regex"]

_BOM = "\ufeff"
#: What BuildKit escapes. It means to escape braces and bars too, but its table has room for characters below 64 only.
_ESCAPED = frozenset(".+()$")
_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_NO_SLASH = "[^/]"
_MAX_REPEAT = 1000
_MAX_CHAR = 0x10FFFF
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})")
_POSIX = re.compile(r"\[:(\^?)([^:\]]*):\]")
_CLASSES: dict[str, tuple[tuple[int, int], ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": ((48, 57),),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_LETTERS = {"d": _CLASSES["digit"], "w": _CLASSES["word"], "s": ((9, 10), (12, 13), (32, 32))}
_Ranges: TypeAlias = "tuple[tuple[int, int], ...]"

#: A pattern that Go's filepath.Match can read: escapes have something to escape, brackets hold characters and close.
_ITEM = r"(?:\\.|[^\]\-\\])"
_SOUND = re.compile(rf"(?:\\.|\[\^?+(?:{_ITEM}(?:-{_ITEM})?)+\]|[^\\\[])*+", re.DOTALL)


def is_sound(pattern: str) -> bool:
    """Return whether BuildKit takes a pattern at all: https://pkg.go.dev/path/filepath#Match."""
    return _SOUND.fullmatch(pattern) is not None


def compiled(pattern: str) -> tuple[Kind, str]:
    """Return how a cleaned pattern matches, and the expression for ``re.match`` that does it, with ``re.ASCII``.

    A ValueError says why the expression that BuildKit makes of it does not compile.
    """
    kind, go = _go_expression(pattern)
    if kind == "exact":
        return kind, rf"{re.escape(pattern)}\Z"
    if kind == "prefix":
        return kind, re.escape(pattern[:-2])
    if kind == "suffix":
        end = pattern[2:]
        other = rf"{re.escape(end[1:])}\Z|" if end.startswith("/") else ""
        return kind, rf"(?:{other}(?s:.*){re.escape(end)}\Z)"
    return kind, _Translation(go).run()


def _go_expression(pattern: str) -> tuple[Kind, str]:
    """Return how a pattern matches, and Go's regular expression if that is one."""
    kind: Kind = "exact"
    out = ["^"]
    text = pattern.removeprefix(_BOM)
    position = 0
    while position < len(text):
        first = position == 0
        char = text[position]
        position += 1
        if text.startswith("**", position - 1):
            position += 1
            position += text.startswith("/", position)
            if position < len(text):
                out.append("(.*/)?")
                kind = "regex"
            else:
                out.append(".*")
                kind = "prefix" if kind == "exact" else "regex"
            kind = "suffix" if first else kind
        elif char in "*?":
            out.append("[^/]*" if char == "*" else "[^/]")
            kind = "regex"
        elif char == "\\" and position < len(text):
            out.append(char + text[position])
            position += 1
            kind = "regex"
        else:
            out.append(f"\\{char}" if char in _ESCAPED else char)
            kind = "regex" if char in "[]" else kind
    return kind, "".join(out) + "$"


class _Translation:
    """One pass over an expression of Go's (https://github.com/google/re2/wiki/Syntax), to the same in Python's words."""

    def __init__(self, go: str) -> None:
        self.go, self.position = go, 0
        self.repeatable = self.repeated = False

    def run(self) -> str:
        """Return the expression."""
        out = []
        alternatives = False
        while self.position < len(self.go):
            char = self.go[self.position]
            alternatives |= char == "|"
            if char in _SIMPLE:
                self.position += 1
                out.append(_SIMPLE[char])
                self._mark(repeatable=char not in "(|", repeated=char in "*?")
            elif char == "{":
                out.append(self._brace())
            else:
                out.append(self._single(char))
                self._mark(repeatable=True, repeated=False)
        # Go searches: without the anchors of the whole, which bars take apart, a match may begin and end anywhere
        return f"(?s:.*?)(?:{''.join(out)})" if alternatives else "".join(out)

    def _mark(self, *, repeatable: bool, repeated: bool) -> None:
        self.repeatable, self.repeated = repeatable, repeated

    def _brace(self) -> str:
        match = _REPEAT.match(self.go, self.position)
        if not match:
            self.position += 1
            self._mark(repeatable=True, repeated=False)
            return r"\{"
        least = int(match[1]) if len(match[1]) < len("1000000") else _MAX_REPEAT + 1
        most = least if match[2] is None else int(match[3]) if match[3] and len(match[3]) < len("1000000") else None
        too_many = match[3] is not None and (most is None or most > _MAX_REPEAT or most < least)
        if least > _MAX_REPEAT or too_many:
            raise ValueError(f"{match[0]} repeats more than {_MAX_REPEAT} times, or its ends are the wrong way round")
        if not self.repeatable or self.repeated:
            raise ValueError(f"there is nothing that {match[0]} could repeat")
        self.position = match.end()
        self._mark(repeatable=True, repeated=True)
        return match[0]

    def _single(self, char: str) -> str:
        """Return the next thing that stands for one character, or for none."""
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        self.position += 1
        return _literal(char)

    def _escape(self) -> str:
        name = self.go[self.position + 1]
        if name in _ASSERTIONS:
            self.position += 2
            return _ASSERTIONS[name]
        if name == "Q":
            quoted, _, _ = self.go[self.position + 2 :].partition("\\E")
            self.position = min(self.position + 4 + len(quoted), len(self.go))
            return "".join(map(_literal, quoted)) or "(?:)"
        return _set(self._members())

    def _members(self) -> _Ranges:
        """Return the characters that an escape stands for."""
        name = self.go[self.position + 1 : self.position + 2]
        if name and (ranges := _LETTERS.get(name.lower())):
            self.position += 2
            return ranges if name.islower() else _rest(ranges)
        if name and name in "pP":
            raise ValueError(f"\\{name} stands for a class of Unicode's: write the characters")
        code = self._code()
        return ((code, code),)

    def _code(self) -> int:
        """Return the code of the character at the position, escaped or not."""
        char = self.go[self.position : self.position + 1]
        self.position += 1
        if char != "\\":
            return _ord(char)
        name = self.go[self.position : self.position + 1]
        if name in _CONTROL:
            self.position += 1
            return _CONTROL[name]
        if match := _OCTAL.match(self.go, self.position) or _HEX.match(self.go, self.position):
            self.position = match.end()
            code = int(match[1] or match[2], 16) if name == "x" else int(match[0], 8)
            if code <= _MAX_CHAR:
                return code
        elif name.isascii() and name and not name.isalnum():
            self.position += 1
            return ord(name)
        raise ValueError(f"\\{name} is no escape: a backslash stands before a character that is to mean itself")

    def _class(self) -> str:
        """Return a bracketed class; a bracket that comes first in it is one of its characters."""
        if self.go.startswith(_NO_SLASH, self.position):  # nearly always, and quicker like this
            self.position += len(_NO_SLASH)
            return _NO_SLASH
        self.position += 1
        negated = self.go.startswith("^", self.position)
        self.position += negated
        ranges: list[tuple[int, int]] = []
        first = self.position
        while self.position == first or not self.go.startswith("]", self.position):
            if self.position >= len(self.go):
                raise ValueError("a bracket is not closed")
            ranges += self._range()
        self.position += 1
        return _set(_rest(tuple(ranges)) if negated else tuple(ranges))

    def _range(self) -> _Ranges:
        if match := _POSIX.match(self.go, self.position):
            if match[2] not in _CLASSES:
                raise ValueError(f"{match[0]} is no class of characters")
            self.position = match.end()
            return _rest(_CLASSES[match[2]]) if match[1] else _CLASSES[match[2]]
        if self.go.startswith("\\", self.position) and self.go[self.position + 1 : self.position + 2] in {*"dDsSwWpP"}:
            return self._members()
        low = high = self._code()
        if self.go.startswith("-", self.position) and not self.go.startswith("]", self.position + 1):
            self.position += 1
            if self.position >= len(self.go):
                raise ValueError("a bracket is not closed")
            high = self._code()
        if high < low:
            raise ValueError(f"{chr(low)}-{chr(high)} is the wrong way round")
        return ((low, high),)


#: What a file name's bytes that are no UTF-8 are to Python; to Go, each is U+FFFD.
_STRAY = (0xDC80, 0xDCFF)
_REPLACEMENT = 0xFFFD
_SIMPLE = {"^": r"(?:\A)", "$": r"\Z", ".": r"[^\n]", "(": "(?:", ")": ")", "*": "*", "?": "?", "|": "|"}
_ASSERTIONS = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?:\b)", "B": r"(?:\B)"}


def _ord(char: str) -> int:
    if not char:
        raise ValueError("the pattern ends too early")
    return ord(char)


def _literal(char: str) -> str:
    return _set(((ord(char), ord(char)),)) if ord(char) == _REPLACEMENT else re.escape(char)


def _rest(ranges: _Ranges) -> _Ranges:
    """Return all characters but those in ``ranges``; stray bytes count as U+FFFD."""
    found, following = [], 0
    for low, high in sorted(ranges):
        if low > following:
            found.append((following, low - 1))
        following = max(following, high + 1)
    if following <= _MAX_CHAR:
        found.append((following, _MAX_CHAR))
    if any(low <= _REPLACEMENT <= high for low, high in ranges):
        return tuple(part for low, high in found for part in _without_stray(low, high))
    return tuple(found)


def _without_stray(low: int, high: int) -> _Ranges:
    parts = ((low, min(high, _STRAY[0] - 1)), (max(low, _STRAY[1] + 1), high))
    return tuple((start, end) for start, end in parts if start <= end)


def _set(ranges: _Ranges) -> str:
    """Return ``ranges`` as a class of Python's."""
    if not ranges:
        return r"(?!)"
    if any(low <= _REPLACEMENT <= high for low, high in ranges):
        ranges = (*ranges, _STRAY)
    return "[" + "".join(f"{_member(low)}-{_member(high)}" for low, high in ranges) + "]"


def _member(code: int) -> str:
    return f"\\U{code:08x}"
