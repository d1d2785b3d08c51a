"""The external images a Dockerfile names, each with the place where its reference can be replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Instruction
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import Word, list_words
from bakegen.refs import ImageRef

Kind: TypeAlias = Literal["from", "copy", "mount", "syntax"]
Span: TypeAlias = tuple[int, int]
_NO_ARGS: Mapping[str, str] = MappingProxyType({})
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^,"]*))(,|\Z)')


@dataclass(frozen=True, slots=True)
class External:
    """An image from outside: ``written`` is its reference, variables replaced, as BuildKit looks it up.

    ``line`` and ``column`` are of the reference. ``span`` are the offsets in the text where ``written`` stands
    literally and can be replaced; if ``arg`` is named, that is in the default of this global ARG, which other
    instructions may use too.
    """

    written: str
    kind: Kind
    platform: str | None
    line: int
    column: int
    span: Span | None
    arg: str | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """A reference that cannot be told from the file, or that BuildKit will not take; ``why`` is for a person."""

    text: str
    line: int
    column: int
    why: str


Found: TypeAlias = External | Unclear


def externals(
    dockerfile: Dockerfile, args: Mapping[str, str] = _NO_ARGS, platform: str = "linux/amd64"
) -> tuple[tuple[External, ...], tuple[Unclear, ...]]:
    """Return the external images in the order of the file, each at every place, and what cannot be told.

    ``args`` are the arguments given to the build; they count for what is declared before the first FROM
    (https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact). A variable without a value
    is empty, as in BuildKit; where that leaves no reference, the result is unclear. ``platform`` is both the one
    built on and the one built for. ``scratch`` and stages are not external. A DockerfileError means a FROM that
    BuildKit rejects.

    Only FROM expands variables. COPY --from does not (an error since Dockerfile frontend 1.18:
    https://github.com/moby/buildkit/pull/6153), nor does from= of a mount
    (https://github.com/moby/buildkit/blob/master/frontend/dockerfile/instructions/commands_runmount.go); only COPY
    takes the number of a stage. What stands behind ONBUILD is looked up when a child is built, so it is left out.
    """
    found = list(_Finder(dockerfile, args, platform).all())
    return tuple(f for f in found if isinstance(f, External)), tuple(f for f in found if isinstance(f, Unclear))


def stage_names(dockerfile: Dockerfile) -> frozenset[str]:
    """Return the names of the stages in lower case, as BuildKit compares them."""
    return frozenset(_Finder(dockerfile, _NO_ARGS, "linux/amd64").stages)


class _Finder:
    def __init__(self, dockerfile: Dockerfile, args: Mapping[str, str], platform: str) -> None:
        self.dockerfile = dockerfile
        froms = [i for i in dockerfile.instructions if i.name == "FROM"]
        words = [list_words(i.text, i.command.start, i.command.end) for i in froms]
        self.names = [self._stage_name(i, w) for i, w in zip(froms, words, strict=True)]
        self.bases = [w[0] for w in words]
        self.stages = set(filter(None, self.names))
        self.earlier: set[str] = set()
        self.arguments = global_arguments(dockerfile, args, platform, self.names[-1] if self.names else "")

    def all(self) -> Iterator[Found]:
        yield from self._syntax()
        stage = -1
        for instruction in self.dockerfile.instructions:
            if instruction.name == "FROM":
                stage += 1
                yield from self._from(instruction, self.bases[stage])
                self.earlier.add(self.names[stage])
            elif instruction.name == "COPY" and stage >= 0:
                yield from self._copy(instruction)
            elif instruction.name == "RUN" and stage >= 0:
                yield from self._mounts(instruction)

    def _stage_name(self, instruction: Instruction, words: tuple[Word, ...]) -> str:
        """Return the stage's name in lower case, or nothing; https://docs.docker.com/reference/dockerfile/#from."""
        named = len(words) == len(("base", "AS", "name")) and words[1].text.lower() == "as"
        if len(words) != 1 and not named:
            raise DockerfileError(
                "FROM takes an image, or an image, AS and a name", *self._place(instruction, instruction.command.start)
            )
        name = words[2].text.lower() if named else ""
        if named and not _STAGE_NAME.fullmatch(name):
            raise DockerfileError(f"{words[2].text!r} cannot name a stage", *self._place(instruction, words[2].start))
        return name

    def _place(self, instruction: Instruction, offset: int) -> tuple[int, int]:
        return self.dockerfile.where(instruction.source(offset))

    def _syntax(self) -> Iterator[Found]:
        """Yield the frontend: https://docs.docker.com/reference/dockerfile/#syntax."""
        for directive in self.dockerfile.directives:
            if directive.name == "syntax":
                written = directive.value.partition(" ")[0]
                start = directive.span[0]
                line, column = self.dockerfile.where(start)
                yield _checked(External(written, "syntax", None, line, column, (start, start + len(written))), ())

    def _from(self, instruction: Instruction, base: Word) -> Iterator[Found]:
        place = self._place(instruction, base.start)
        try:
            expansion = expand(base.text, self.arguments.values, self.dockerfile.escape)
            platform = self._platform(instruction)
        except ShellError as error:
            yield Unclear(base.text, *place, str(error))
            return
        written = expansion.text
        if written == "scratch" or (written and written.lower() in self.earlier):
            return
        span, arg = self.dockerfile.literal(instruction, base, written), None
        if span is None and (origin := self.arguments.origin(base.text)):
            span, arg = origin.span, origin.name
        found = External(written, "from", platform, *place, span, arg)
        yield _checked(found, self.arguments.why(expansion), base.text)

    def _platform(self, instruction: Instruction) -> str | None:
        for flag in instruction.flags:
            name, _, value = flag.partition("=")
            if name == "--platform":
                expansion = expand(value, self.arguments.values, self.dockerfile.escape)
                if not expansion.text:
                    raise ShellError(f"--platform={value} is empty")
                return expansion.text
        return None

    def _copy(self, instruction: Instruction) -> Iterator[Found]:
        for flag in instruction.command.flags:
            if not flag.text.startswith("--from="):
                continue
            value = flag.part(len("--from="))
            if _NUMBER.fullmatch(value.text):
                continue
            try:
                literal = expand(value.text, {}, self.dockerfile.escape).text == value.text
            except ShellError:
                literal = False
            yield from self._source(instruction, value, "copy", literal=literal)

    def _mounts(self, instruction: Instruction) -> Iterator[Found]:
        for flag in instruction.command.flags:
            if not flag.text.startswith("--mount="):
                continue
            value = flag.part(len("--mount="))
            fields = _fields(value)
            if fields is None:
                yield Unclear(
                    value.text,
                    *self._place(instruction, value.start),
                    "the mount cannot be read: its quotes are not those of CSV",
                )
                continue
            sources = [f.part(len("from=")) for f in fields if f.text[: len("from=")].lower() == "from="]
            for source in sources[-1:]:
                yield from self._source(instruction, source, "mount", literal="$" not in source.text)

    def _source(self, instruction: Instruction, source: Word, kind: Kind, *, literal: bool) -> Iterator[Found]:
        """Yield what a ``from`` names, unless that is a stage or nothing."""
        if source.text in {"", "scratch"} or source.text.lower() in self.stages:
            return
        place = self._place(instruction, source.start)
        if not literal:
            why = "variables are not expanded here: name a stage, and expand them in its FROM"
            yield Unclear(source.text, *place, why)
        elif _NUMBER.fullmatch(source.text):
            yield Unclear(source.text, *place, "a mount takes the name of a stage, not its number")
        else:
            span = self.dockerfile.literal(instruction, source, source.text)
            yield _checked(External(source.text, kind, None, *place, span), ())


def _checked(found: External, missing: tuple[str, ...], text: str = "") -> Found:
    """Return what was found if it is a reference, else why it is none."""
    try:
        ImageRef.parse(found.written)
    except ValueError as error:
        return Unclear(text or found.written, found.line, found.column, "; ".join(missing) or str(error))
    return found


def _fields(word: Word) -> list[Word] | None:
    """Return the fields of a mount, which are one line of CSV, or None if it is none."""
    fields: list[Word] = []
    position = 0
    while match := _FIELD.match(word.text, position):
        group = 1 if match[1] is not None else 2
        raw = word.part(match.start(group), match.end(group))
        fields.append(raw)
        position = match.end()
        if not match[3]:
            return fields
    return None
