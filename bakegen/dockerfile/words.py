"""One logical line -> the command it is: name, flags, arguments, each with its place in the line.

Rules: https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/line_parsers.go and split_command.go
beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bakegen.dockerfile.arrays import strings
from bakegen.dockerfile.shell import SPACE

_WHITE = re.compile(r"[\t\v\f\r ]+")
_BLACK = re.compile(r"[^\t\v\f\r ]+")
#: White space to who looks at single bytes of UTF-8, as BuildKit does for flags.
_BYTE_SPACE = frozenset("\t\n\v\f\r \x85\xa0")
_SPACES = frozenset(SPACE)


class LineError(ValueError):
    """What is wrong with a logical line, and at which of its characters."""

    def __init__(self, what: str, offset: int = 0) -> None:
        """Take the message and the offset in the logical line."""
        super().__init__(what)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a logical line; ``offsets`` says for each character of ``text`` where it stands in the line."""

    text: str
    offsets: tuple[int, ...]
    start: int

    def part(self, start: int, end: int | None = None) -> Word:
        """Return the word of the characters from ``start`` to ``end``."""
        offsets = self.offsets[start:end]
        before = self.offsets[start - 1] + 1 if start else self.start
        return Word(self.text[start:end], offsets, offsets[0] if offsets else before)


@dataclass(frozen=True, slots=True)
class Command:
    """What a logical line says: ``values`` are the arguments as BuildKit's parser tells them apart.

    ``start`` and ``end`` are the offsets of all arguments in the line; ``inner`` is the command of an ONBUILD.
    """

    name: str
    flags: tuple[Word, ...]
    values: tuple[str, ...]
    start: int
    end: int
    json_form: bool = False
    inner: Command | None = None


@dataclass(frozen=True, slots=True)
class _Arguments:
    line: str
    start: int
    end: int
    escape: str

    @property
    def text(self) -> str:
        return self.line[self.start : self.end]


def command(line: str, escape: str, start: int = 0, *, kept: bool = False) -> Command:
    """Return the command that ``line`` is from the offset ``start`` on; a LineError says what is wrong with it.

    One that an ONBUILD has ``kept`` for later may have any name: BuildKit looks at it when a child is built.
    """
    start, end = _trim(line, start, len(line))
    space = _WHITE.search(line, start, end)
    written = line[start : space.start() if space else end]
    name = written.lower().upper()
    if not kept and name not in _KINDS:
        raise LineError(f"unknown instruction: {written}", start)
    if kept and name in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise LineError(f"{name} cannot stand behind ONBUILD", start)
    flags: tuple[Word, ...] = ()
    arguments = space.end() if space else end
    if line.startswith("--", arguments, end):
        flags, arguments = _flags(line, arguments, end, escape)
    rest = _Arguments(line, *_trim(line, arguments, end), escape)
    inner = command(line, escape, rest.start, kept=True) if name == "ONBUILD" and rest.text else None
    values, is_json = _KINDS.get(name, _nothing)(rest)
    return Command(name, flags, () if inner else values, rest.start, rest.end, is_json, inner)


def _trim(line: str, start: int, end: int) -> tuple[int, int]:
    """Return the offsets of what is left of a stretch without white space around it."""
    while start < end and line[start] in _SPACES:
        start += 1
    while end > start and line[end - 1] in _SPACES:
        end -= 1
    return start, end


def _flags(line: str, start: int, end: int, escape: str) -> tuple[tuple[Word, ...], int]:
    """Return the flags from ``start`` on, and the offset behind them.

    BuildKit takes the bytes of a flag for characters: one beyond ASCII comes out as several.
    """
    chars, offsets = line[start:end], list(range(start, end + 1))
    if not chars.isascii():
        offsets = [start + n for n, c in enumerate(chars) for _ in c.encode("utf-8", "surrogatepass")] + [end]
        chars = chars.encode("utf-8", "surrogatepass").decode("latin-1")
    flags: list[Word] = []
    position = 0
    while True:
        while position < len(chars) and chars[position] in _BYTE_SPACE:
            position += 1
        if not chars.startswith("--", position):
            return tuple(flags), offsets[position]
        begin = position
        kept, position, quoted = _flag(chars, position, escape)
        text = "".join(chars[n] for n in kept)
        if text == "--":
            return tuple(flags), offsets[position]
        if text or quoted:
            flags.append(Word(text, tuple(offsets[n] for n in kept), offsets[begin]))


def _flag(chars: str, position: int, escape: str) -> tuple[list[int], int, bool]:
    """Return which characters make up the flag at ``position``, where it ends, and whether a quote stood in it."""
    kept: list[int] = []
    quote, quoted = "", False
    while position < len(chars):
        char = chars[position]
        if not quote and char in _BYTE_SPACE:
            break
        if char == quote:
            quote = ""
        elif not quote and char in {"'", '"'}:
            quote, quoted = char, True
        elif char != escape:
            kept.append(position)
        elif position + 1 < len(chars):
            position += 1
            kept.append(position)
        else:
            quote = ""
        position += 1
    return kept, position, quoted


def shell_words(line: str, start: int, end: int, escape: str) -> tuple[Word, ...]:
    """Return the words of ENV, LABEL and ARG: white space in quotes does not part them, and the quotes stay."""
    words: list[Word] = []
    position = start
    while position < end:
        if line[position] in _SPACES:
            position += 1
            continue
        begin = position
        kept, position = _shell_word(line, position, end, escape)
        if kept:
            words.append(Word("".join(line[n] for n in kept), tuple(kept), begin))
    return tuple(words)


def _shell_word(line: str, position: int, end: int, escape: str) -> tuple[list[int], int]:
    kept: list[int] = []
    quote = ""
    while position < end:
        char = line[position]
        if not quote and char in _SPACES:
            break
        if char == escape and quote != "'":
            if position + 1 == end:  # BuildKit drops an escape with nothing behind it
                position += 1
                break
            kept.append(position)
            position += 1
        elif char == quote:
            quote = ""
        elif not quote and char in {"'", '"'}:
            quote = char
        kept.append(position)
        position += 1
    return kept, position


def list_words(line: str, start: int, end: int) -> tuple[Word, ...]:
    """Return the words of FROM, EXPOSE and a COPY that is not JSON: white space parts them, quotes mean nothing."""
    return tuple(Word(m[0], tuple(range(m.start(), m.end())), m.start()) for m in _BLACK.finditer(line, start, end))


def _nothing(_: _Arguments) -> tuple[tuple[str, ...], bool]:
    return (), False


def _whole(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
    return ((rest.text,) if rest.text else ()), False


def _list(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
    return tuple(_BLACK.findall(rest.line, rest.start, rest.end)), False


def _names(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
    return tuple(w.text for w in shell_words(rest.line, rest.start, rest.end, rest.escape)), False


def _json_or(
    otherwise: Callable[[_Arguments], tuple[tuple[str, ...], bool]],
) -> Callable[..., tuple[tuple[str, ...], bool]]:
    """Return a reader of a JSON array of strings that leaves what is none to ``otherwise``."""

    def read(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
        text = rest.text.lstrip(SPACE)
        if not text.startswith("["):
            return otherwise(rest)
        try:
            found = strings(text)
        except TypeError as error:
            raise LineError(str(error), rest.start) from None
        return otherwise(rest) if found is None else (found, True)

    return read


def _pairs(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
    """Return name, value and ``=`` for each pair of ENV or LABEL; the old form has one pair, and no ``=``."""
    words = shell_words(rest.line, rest.start, rest.end, rest.escape)
    if not words:
        return (), False
    if "=" not in words[0].text:
        name, *value = _WHITE.split(rest.text, maxsplit=1)
        if not value:
            raise LineError(f"{name} has no value", rest.start)
        return (name, value[0], ""), False
    return tuple(_pair_values(words)), False


def _pair_values(words: Sequence[Word]) -> Iterator[str]:
    for word in words:
        name, equals, value = word.text.partition("=")
        if not equals:
            raise LineError(f"{word.text} has no =: pairs are written name=value", word.start)
        yield from (name, value, "=")


def _healthcheck(rest: _Arguments) -> tuple[tuple[str, ...], bool]:
    kind, *words = re.split(r"[\t\n\v\f\r ]+", rest.text, maxsplit=1)
    start = rest.end - len("".join(words))
    values, is_json = _json_or(_whole)(_Arguments(rest.line, start, rest.end, rest.escape))
    return ((kind, *values) if kind else ()), is_json


_KINDS: dict[str, Callable[[_Arguments], tuple[tuple[str, ...], bool]]] = {
    "ADD": _json_or(_list),
    "ARG": _names,
    "CMD": _json_or(_whole),
    "COPY": _json_or(_list),
    "ENTRYPOINT": _json_or(_whole),
    "ENV": _pairs,
    "EXPOSE": _list,
    "FROM": _list,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _whole,
    "ONBUILD": _whole,
    "RUN": _json_or(_whole),
    "SHELL": _json_or(_whole),
    "STOPSIGNAL": _whole,
    "USER": _whole,
    "VOLUME": _json_or(_list),
    "WORKDIR": _whole,
}
