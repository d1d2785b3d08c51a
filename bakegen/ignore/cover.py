"""Which sources of COPY, ADD and bind mounts a .dockerignore hides."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bakegen.ignore.patterns import Pattern, Patterns

_WILD = re.compile(r"\\(.)|(\*)|(\?)|\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL)
#: What wildcards are tried with: names that have nothing in common, so that a pattern which matches all was meant to.
_FILLS = ("", "x", "7Q", "z-z.zz")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A source of which nothing is left, and the line that leaves it out."""

    source: str
    line: int
    pattern: str


def hidden(
    patterns: Patterns, sources: Iterable[str], is_directory: Callable[[str], bool] | None = None
) -> tuple[Hidden, ...]:
    """Return the sources that ``patterns`` hide as a whole, in their order, each once.

    ``sources`` are as COPY takes them, variables replaced: paths of files or directories below the context, or patterns.
    Nothing is looked up on disk: a directory of which a ``!`` may take something back is not hidden, nor is a pattern
    for which some names are left. What is a directory ``is_directory`` tells; without it, what has no dot in its name.
    The whole context (``.``) never is hidden. An IgnoreError is BuildKit's refusal.
    """
    told = is_directory or _may_be_directory
    found = (_hidden(patterns, source, told) for source in dict.fromkeys(sources))
    return tuple(item for item in found if item)


def _hidden(patterns: Patterns, source: str, is_directory: Callable[[str], bool]) -> Hidden | None:
    deciders: list[Pattern] = []
    for path in samples(source):
        decider = patterns.decider(path) if patterns.leaves_out(path) else None
        if decider is None:
            return None
        if is_directory(path) and any(p.keeps and p.reaches_below(path) for p in patterns.lines):
            return None
        deciders.append(decider)
    return Hidden(source, deciders[0].line, str(deciders[0])) if deciders else None


def _may_be_directory(path: str) -> bool:
    return "." not in posixpath.basename(path)[1:]


def samples(source: str) -> tuple[str, ...]:
    """Return paths that a source stands for: itself, or what its wildcards could be. The whole context has none."""
    paths = (_path(_filled(source, fill)) for fill in _FILLS)
    return tuple(dict.fromkeys(path for path in paths if path not in {"", "."}))


def _path(source: str) -> str:
    """Return a source relative to the context, which nothing leads out of."""
    return posixpath.normpath(posixpath.join("/", source)).lstrip("/")


def _filled(source: str, fill: str) -> str:
    return _WILD.sub(lambda match: "".join(_fill(match, fill)), source)


def _fill(match: re.Match[str], fill: str) -> Iterator[str]:
    if match[1] is not None:
        yield match[1]
    elif match[2]:
        yield fill
    elif match[3]:
        yield fill[:1] or "a"
    else:
        yield "~" if match[4] else match[5].removeprefix("\\")[:1]
