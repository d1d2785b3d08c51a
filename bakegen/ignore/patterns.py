"""The text of a .dockerignore -> which paths it leaves out of the build context, as BuildKit decides it.

Reading: https://github.com/moby/patternmatcher/blob/main/ignorefile/ignorefile.go. Matching: ``MatchesUsingParentResults`` in
https://github.com/moby/patternmatcher/blob/main/patternmatcher.go, the way
https://github.com/tonistiigi/fsutil/blob/master/filter.go asks for it as it walks the context. Both as they are on
Linux and macOS; a client on Windows takes the backslash for a separator.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, groupby, takewhile

from bakegen.ignore.regex import compiled, is_sound

#: What Go's unicode.IsSpace calls white space.
SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_BOM = "\ufeff"
_MAX_LINE = 65_535  # bytes of UTF-8: the buffer of Go's bufio.Scanner
_STRAY = re.compile("[\ud800-\udfff]")
_WILD = frozenset("*[]?^\\")


class IgnoreError(ValueError):
    """A line for which BuildKit refuses the build: what is wrong with it, and its number from 1."""

    def __init__(self, what: str, line: int) -> None:
        """Take the message and the line."""
        super().__init__(f"line {line}: {what}")
        self.what, self.line = what, line


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: ``text`` is its pattern cleaned, without the ``!``; ``keeps`` says whether it takes paths back in."""

    text: str
    keeps: bool
    line: int
    #: for ``re.match``; None where the pattern is sound but the expression that BuildKit makes of it is not
    expression: str | None
    why: str = ""

    @property
    def plain(self) -> bool:
        """Whether it stands for one path, which a trailing ``/*`` or ``/**`` extends to what is in it."""
        return _WILD.isdisjoint(self.base)

    def reaches_below(self, directory: str) -> bool:
        """Return whether it could match something in a directory, as far as its parts before any wildcard tell."""
        fixed = list(takewhile(_WILD.isdisjoint, self.base.split("/")))
        return all(own == other for own, other in zip(fixed, directory.split("/"), strict=False)) and (
            len(fixed) < self.base.count("/") + 1 or len(fixed) > directory.count("/") + 1 or self.base != self.text
        )

    @property
    def base(self) -> str:
        """The pattern without a trailing ``/**`` or ``/*``."""
        return self.text.removesuffix("/**").removesuffix("/*")

    def __str__(self) -> str:
        """Return the pattern as it is written in a file."""
        return f"!{self.text}" if self.keeps else self.text


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring patterns of one kind: whichever of them matches decides the same."""

    keeps: bool
    patterns: tuple[Pattern, ...]
    #: the paths and the expression that the patterns amount to; None for one that cannot be asked
    paths: frozenset[str]
    expression: re.Pattern[str] | None
    broken: bool

    def matches(self, path: str) -> bool:
        if self.broken:
            raise IgnoreError(self.patterns[0].why, self.patterns[0].line)
        return path in self.paths or (self.expression is not None and self.expression.match(path) is not None)


#: What a directory hands down to what is in it: which runs of patterns matched it, or a directory above.
State = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of a .dockerignore, in the order of the file."""

    lines: tuple[Pattern, ...]
    _runs: tuple[_Run, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Patterns:
        """Return the patterns of a file; an IgnoreError names the first line for which BuildKit would refuse it.

        Bytes that are no UTF-8 may stand in ``text`` as surrogates (``errors="surrogateescape"``).
        """
        return cls.of(_read(text))

    @classmethod
    def of(cls, lines: Iterable[tuple[int, str]]) -> Patterns:
        """Return the patterns of lines with their numbers, each as BuildKit hands it to its matcher."""
        patterns = tuple(found for number, line in lines if (found := _pattern(line, number)))
        return cls(patterns, tuple(_runs(patterns)))

    @property
    def start(self) -> State:
        """What the context's own directory hands down: nothing has matched."""
        return (False,) * len(self._runs)

    def step(self, path: str, above: State) -> tuple[bool, State]:
        """Return whether ``path`` is left out, and what it hands down; ``above`` is what its directory handed down.

        An IgnoreError says that BuildKit fails here: a pattern is asked whose expression does not compile.
        """
        ignored = False
        state = []
        for run, matched in zip(self._runs, above, strict=True):
            # a pattern that could change nothing is not asked, which what is below has to live with
            match = matched or (run.keeps == ignored and run.matches(path))
            state.append(match)
            if match:
                ignored = not run.keeps
        return ignored, tuple(state)

    def leaves_out(self, path: str) -> bool:
        """Return whether BuildKit leaves a path (below the context, with slashes) out as it walks down to it."""
        ignored, state = False, self.start
        for part in _and_above(path):
            ignored, state = self.step(part, state)
        return ignored

    def matches(self, path: str) -> bool:
        """Return what BuildKit says when it is asked for one path, without a walk.

        The two differ where a ``!`` names a directory of which something deeper is left out: asked for the path, the
        ``!`` counts, on the walk it does not. A file is sent if ``leaves_out`` is false; if ``matches`` is true then,
        BuildKit 0.25 lists the file, does not find it again as it opens it, and sends it empty, without a word.
        """
        ignored = False
        chain = tuple(_and_above(path))
        for run in self._runs:
            if run.keeps == ignored and any(run.matches(part) for part in reversed(chain)):
                ignored = not run.keeps
        return ignored

    def decider(self, path: str) -> Pattern | None:
        """Return the pattern that leaves ``path`` out, or takes it back; None where none of them has a say."""
        state = self.start
        first: dict[int, Pattern] = {}
        for part in _and_above(path):
            before, (_, state) = state, self.step(part, state)
            for number, (old, new) in enumerate(zip(before, state, strict=True)):
                if new and not old:
                    first[number] = next(p for p in self._runs[number].patterns if _matches_path(p, part))
        return first[max(first)] if first else None

    def prunes(self, directory: str) -> bool:
        """Return whether no ``!`` can take back anything that is in a ``directory`` which is left out."""
        keeping = [pattern for pattern in self.lines if pattern.keeps]
        if not all(pattern.plain for pattern in keeping):
            return False
        return not any(f"{pattern.base}/".startswith(f"{directory}/") for pattern in keeping)


def _read(text: str) -> Iterable[tuple[int, str]]:
    """Yield the lines that say something, cleaned, with their numbers."""
    lines = _STRAY.sub("\ufffd", text).removeprefix(_BOM).split("\n")
    for number, raw in enumerate(lines, 1):
        if len(raw) > _MAX_LINE // 4 and len(raw.encode()) > _MAX_LINE:
            raise IgnoreError(f"a line of more than {_MAX_LINE} bytes", number)
        line = "" if raw.startswith("#") else raw.strip(SPACE)
        if line:
            keeps = line.startswith("!")
            line = line[keeps:].strip(SPACE)
            if line:
                line = _clean(line)
                line = line[1:] if len(line) > 1 and line.startswith("/") else line
            yield number, f"!{line}" if keeps else line


def _pattern(line: str, number: int) -> Pattern | None:
    text = line.strip(SPACE)
    if not text:
        return None
    text = _clean(text)
    keeps = text.startswith("!")
    text = text[keeps:]
    if not text:
        raise IgnoreError("! says what to keep, and nothing follows it", number)
    if not is_sound(text):
        raise IgnoreError(f"BuildKit cannot read the pattern {text}: a bracket or a backslash in it is wrong", number)
    try:
        return Pattern(text, keeps, number, compiled(text)[1])
    except ValueError as error:
        return Pattern(text, keeps, number, None, f"BuildKit cannot use the pattern {text}: {error}")


def _clean(path: str) -> str:
    """Return a path as Go's path.Clean does: https://pkg.go.dev/path#Clean."""
    return re.sub(r"\A//", "/", posixpath.normpath(path))


def _runs(patterns: Iterable[Pattern]) -> Iterator[_Run]:
    for (keeps, broken, number), group in groupby(_numbered(patterns), lambda item: item[0]):
        members = tuple(pattern for _, pattern in group)
        plain = frozenset(p.text for p in members if p.expression == rf"{re.escape(p.text)}\Z")
        others = [p.expression for p in members if p.expression and p.text not in plain]
        expression = re.compile("|".join(f"(?:{o})" for o in others), re.ASCII) if others else None
        yield _Run(keeps, members, plain, expression, broken=bool(broken and number))


def _numbered(patterns: Iterable[Pattern]) -> Iterator[tuple[tuple[bool, bool, int], Pattern]]:
    """Yield each pattern with what its run has in common; one that cannot be asked is a run of its own."""
    for pattern in patterns:
        broken = pattern.expression is None
        yield (pattern.keeps, broken, pattern.line if broken else 0), pattern


def _matches_path(pattern: Pattern, path: str) -> bool:
    return pattern.expression is not None and re.compile(pattern.expression, re.ASCII).match(path) is not None


def _and_above(path: str) -> Iterator[str]:
    """Yield the directories that a path is in, from the top, and the path."""
    clean = _clean(path).lstrip("/")
    return iter(()) if clean == "." else accumulate(clean.split("/"), posixpath.join)
