"""Lines of .dockerignore that mean a path, or a pattern of COPY, and nothing else."""

from __future__ import annotations

import re

from bakegen.ignore.patterns import SPACE

_WILD = frozenset("*?[]\\")
#: What BuildKit takes for a regular expression's own where a pattern has a wildcard.
_LEAKS = frozenset("{}|^")
_UNWRITABLE = re.compile("[\r\n\0\ufeff\ufffd\ud800-\udfff]")
_TOKEN = re.compile(
    r"(\*)|(\?)|(\[\^?[A-Za-z0-9_][A-Za-z0-9_-]*(?<!-)\])|(\[\^?(?:\\.|[^\]\\])+\])|\\(.)|(.)", re.DOTALL
)


def kept(source: str) -> tuple[str, ...]:
    """Return the lines that take back a source of COPY: a path below the context, or a pattern of Go's filepath.Match.

    Who names a file ``a[1]`` in a bind mount means it, in COPY it would be ``a1``: both are kept.
    """
    lines = [_glob(source)] if not _WILD.isdisjoint(source) else []
    if _WILD.isdisjoint(source) or "[" in source or "\\" in source:
        lines.append(literal(source))
    return tuple(f"!{line}" for line in lines)


def literal(path: str) -> str:
    """Return the line that means one path; a character that no line can hold is left open."""
    plain = _WILD.isdisjoint(path) and not _UNWRITABLE.search(path)
    if plain and path[:1] not in {"!", "#"} and path.strip(SPACE) == path:
        return path
    return _edges("".join(_char(char) for char in path))


def _glob(source: str) -> str:
    def token(match: re.Match[str]) -> str:
        star, one, simple, other, escaped, char = match.groups()
        if star or one or simple:
            return match[0]
        return "?" if other else _char(escaped or char)

    return _edges(_TOKEN.sub(token, source))


def _char(char: str) -> str:
    if _UNWRITABLE.match(char):
        return "?"
    return f"\\{char}" if char in _WILD | _LEAKS | {"!", "#"} else char


def _edges(line: str) -> str:
    """Return a line whose white space at the ends is not trimmed."""
    if line[:1] in SPACE and line:
        line = f"[{line[0]}]{line[1:]}"
    if line[-1:] in SPACE and line:
        line = f"{line[:-1]}[{line[-1]}]"
    return line
