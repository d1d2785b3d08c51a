"""Dockerfile text -> instructions that know where they stand, as BuildKit's parser tells them apart; nothing is lost.

Rules: https://docs.docker.com/reference/dockerfile/#format and, where it is silent,
https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/parser.go
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from bakegen.dockerfile.shell import SPACE, ShellError, split
from bakegen.dockerfile.words import Command, LineError, Word, command

_BOM = "\ufeff"
#: https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/directives.go
_DIRECTIVE = re.compile(rf"#[{SPACE}]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=(.+)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)")
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_MAX_LINE = 65_535  # bytes of UTF-8, line feed aside: the buffer of Go's bufio.Scanner

#: A stretch of the text, from and to, and what stands there instead.
Edit: TypeAlias = tuple[int, int, str]


class DockerfileError(ValueError):
    """Text that BuildKit rejects: what is wrong, and its line and column from 1."""

    def __init__(self, what: str, line: int, column: int = 1) -> None:
        """Take the message and the place."""
        super().__init__(f"line {line}, column {column}: {what}")
        self.what, self.line, self.column = what, line, column


@dataclass(frozen=True, slots=True)
class Directive:
    """``# name=value`` at the top of a file; ``span`` are the offsets of the value."""

    name: str
    value: str
    line: int
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document; ``span`` are the offsets of its content, which is as the file has it: tabs, line ends and all."""

    name: str
    expand: bool
    chomp: bool
    content: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: ``text`` is its logical line, without continuations and what vanishes inside them.

    ``pieces`` are pairs of offsets, in ``text`` and in the file, at which a stretch begins that both have alike.
    """

    text: str
    start_line: int
    end_line: int
    command: Command
    heredocs: tuple[Heredoc, ...]
    pieces: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """The instruction's name in upper case."""
        return self.command.name

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags, quotes and escapes gone: ``--from=build``."""
        return tuple(f.text for f in self.command.flags)

    @property
    def values(self) -> tuple[str, ...]:
        """The arguments as BuildKit's parser tells them apart."""
        return self.command.values

    @property
    def json_form(self) -> bool:
        """Whether the arguments are a JSON array."""
        return self.command.json_form

    def source(self, offset: int) -> int:
        """Return the offset in the file of the character at ``offset`` of ``text``, or of its end."""
        return _source(self.pieces, offset)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the stretch of the file, continuations in it included, that ``text[start:end]`` comes from."""
        first = self.source(start)
        return first, self.source(end - 1) + 1 if end > start else first


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed file and its text, which is never changed."""

    text: str
    escape: str
    directives: tuple[Directive, ...]
    instructions: tuple[Instruction, ...]
    starts: tuple[int, ...] = field(repr=False)

    def where(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of an offset in the text; a byte order mark takes no column."""
        return _where(self.text, self.starts, offset)

    def literal(self, instruction: Instruction, word: Word, value: str) -> tuple[int, int] | None:
        """Return the offsets at which ``value`` stands as it is, if the word is that and nothing else, quotes apart."""
        if word.text != value and word.text[:1] == word.text[-1:] and word.text[:1] in {"'", '"'}:
            word = word.part(1, -1)
        if word.text != value or not value:
            return None
        start, end = instruction.span(word.offsets[0], word.offsets[-1] + 1)
        return (start, end) if self.text[start:end] == value else None

    def replace(self, edits: Iterable[Edit]) -> str:
        """Return the text with each stretch (start, end, new) replaced; a ValueError if two of them overlap."""
        parts, done = [], 0
        for start, end, new in sorted(edits, key=lambda e: e[:2]):
            if not done <= start <= end <= len(self.text):
                raise ValueError(f"the edit of {start} to {end} overlaps another or lies outside the text")
            parts += [self.text[done:start], new]
            done = end
        return "".join(parts) + self.text[done:]


@lru_cache(maxsize=1024)  # a family's Dockerfiles are looked at by many, and more than once
def parse(text: str) -> Dockerfile:
    """Return the Dockerfile that ``text`` is; a DockerfileError says why BuildKit would not take it."""
    lines = text.split("\n")
    starts = tuple(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
    if not lines[-1]:
        lines.pop()  # what follows the last line feed is no line
    for number, line in enumerate(lines, 1):
        if len(line) > _MAX_LINE // 4 and len(line.encode("utf-8", "surrogatepass")) > _MAX_LINE:
            raise DockerfileError(f"a line of more than {_MAX_LINE} bytes", number)
    directives = _directives(lines, starts)
    escape = next((d.value for d in directives if d.name == "escape"), "\\")
    reader = _Reader(text, lines, starts, escape)
    instructions = reader.instructions()
    if not instructions:
        raise DockerfileError("no instructions", max(len(lines), 1))
    return Dockerfile(text, escape, directives, instructions, starts)


def _source(pieces: tuple[tuple[int, int], ...], offset: int) -> int:
    logical, original = pieces[bisect_right(pieces, offset, key=lambda piece: piece[0]) - 1]
    return original + offset - logical


def _where(text: str, starts: tuple[int, ...], offset: int) -> tuple[int, int]:
    line = bisect_right(starts, offset)
    mark = line == 1 and text.startswith(_BOM)
    return line, max(offset - starts[line - 1] + 1 - mark, 1)


def _directives(lines: list[str], starts: tuple[int, ...]) -> tuple[Directive, ...]:
    """Return the directives: comments at the very top, until anything else comes.

    Behind a ``#!`` line BuildKit still finds syntax and check, but no escape.
    """
    found: dict[str, Directive] = {}
    shebang = bool(lines) and lines[0].removeprefix(_BOM).startswith("#!")
    for number in range(1 + shebang, len(lines) + 1):
        directive = _directive(lines[number - 1], number, starts[number - 1])
        if not directive or (shebang and (directive.name == "escape" or directive.name in found)):
            break
        if directive.name in found:
            raise DockerfileError(f"a second {directive.name} directive", number)
        if directive.name == "escape" and directive.value not in {"\\", "`"}:
            what = f"the escape character is \\ or `, not {directive.value}"
            raise DockerfileError(what, *_where("\n".join(lines), starts, directive.span[0]))
        found[directive.name] = directive
    return tuple(found.values())


def _directive(line: str, number: int, start: int) -> Directive | None:
    """Return the directive that a line, which begins at the offset ``start``, is; None if it is none."""
    line = line.rstrip("\r")
    token = (line.removeprefix(_BOM) if number == 1 else line).lstrip(SPACE)
    match = _DIRECTIVE.fullmatch(token)
    if not match or (name := match[1].lower()) not in _DIRECTIVES:
        return None
    value = match[2].strip("\t\f\r ") or match[2][-1]
    at = start + len(line) - len(token) + match.start(2) + match[2].rindex(value)
    return Directive(name, value, number, (at, at + len(value)))


class _Opening(NamedTuple):
    name: str
    expand: bool
    chomp: bool


class _Reader:
    """One pass over the lines of a file."""

    def __init__(self, text: str, lines: list[str], starts: tuple[int, ...], escape: str) -> None:
        self.text, self.lines, self.starts, self.escape = text, lines, starts, escape
        self.next = 0

    def instructions(self) -> tuple[Instruction, ...]:
        found = []
        while self.next < len(self.lines):
            first = self.next
            self.next += 1
            line = self.lines[first]
            token = (line.removeprefix(_BOM) if not first else line).lstrip(SPACE)
            if token and token[0] != "#":
                found.append(self._instruction(first, token.rstrip("\r"), len(line) - len(token)))
        return tuple(found)

    def _instruction(self, first: int, token: str, indent: int) -> Instruction:
        """Return the instruction that begins with ``token``, in the line with the index ``first``."""
        part, goes_on = self._part(token)
        parts, pieces, length = [part], [(0, self.starts[first] + indent)], len(part)
        while goes_on and self.next < len(self.lines):
            line = self.lines[self.next].rstrip("\r")
            self.next += 1
            bare = line.lstrip(SPACE)
            if not bare or bare[0] == "#":
                continue
            part, goes_on = self._part(line)
            if part:
                pieces.append((length, self.starts[self.next - 1]))
                parts.append(part)
                length += len(part)
        text = "".join(parts)
        try:
            parsed = command(text, self.escape)
            heredocs = self._heredocs(text, parsed, first)
        except LineError as error:
            place = _source(tuple(pieces), error.offset)
            raise DockerfileError(str(error), *_where(self.text, self.starts, place)) from None
        return Instruction(text, first + 1, self.next, parsed, heredocs, tuple(pieces))

    def _part(self, line: str) -> tuple[str, bool]:
        """Return a line without its continuation, and whether it has one: a doubled escape is none."""
        bare = line.rstrip(" \t")
        if bare.endswith(self.escape) and bare[-2:-1] != self.escape:
            return bare[:-1], True
        return line, False

    def _heredocs(self, text: str, parsed: Command, first: int) -> tuple[Heredoc, ...]:
        target = parsed.inner or parsed
        if target.name not in _TAKES_HEREDOCS or target.json_form or "<<" not in text:
            return ()
        return tuple(self._heredoc(opening, first) for opening in _openings(text))

    def _heredoc(self, opening: _Opening, first: int) -> Heredoc:
        name, expand, chomp = opening
        begin = self.next
        while self.next < len(self.lines):
            line = self.lines[self.next].rstrip("\r")
            self.next += 1
            if (line.lstrip("\t") if chomp else line) == name:
                span = self.starts[begin], self.starts[self.next - 1]
                return Heredoc(name, expand, chomp, self.text[span[0] : span[1]], span)
        raise DockerfileError(f"the heredoc {name} does not end", first + 1)


def _openings(text: str) -> list[_Opening]:
    """Return the heredocs that a line begins."""
    try:
        words = split(text, quotes=True, escapes=True)
    except ShellError:
        return []  # BuildKit: a line it cannot read has no heredocs
    matches = filter(None, map(_HEREDOC.fullmatch, words))
    return [opening for match in matches if match[3] and (opening := _opening(match, text))]


def _opening(match: re.Match[str], text: str) -> _Opening | None:
    """Return the heredoc that a word begins, or None if more than its name follows the ``<<``."""
    try:
        bare, raw = (split(match[3], quotes=quotes, escapes=False) for quotes in (False, True))
    except ShellError as error:
        raise LineError(f"the heredoc {match[3]}: {error}", text.find("<<")) from None
    if len(bare) != 1:
        return None
    if len(raw) != 1:
        raise LineError(f"{match[3]} is no name of a heredoc", text.find("<<"))
    return _Opening(bare[0], _quotes(bare[0]) == _quotes(raw[0]), bool(match[2]))


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
