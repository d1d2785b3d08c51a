"""What a Dockerfile takes from the build context: sources of COPY and ADD, and bind mounts.

Rules: https://docs.docker.com/reference/dockerfile/#copy, ``#add`` and ``#run---mounttypebind`` there, and for what is
expanded, with which variables, https://github.com/moby/buildkit/blob/master/frontend/dockerfile/dockerfile2llb/convert.go
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.caches import fields
from bakegen.dockerfile.parser import Dockerfile, Instruction
from bakegen.dockerfile.references import Unclear
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import Command, list_words, shell_words

_NO_ARGS: Mapping[str, str] = MappingProxyType({})
_REMOTE = re.compile(r"(?:https?|git|ssh|s3)://|[\w.-]+@[\w.-]+:", re.ASCII)
_NAMED = 3  # words of FROM base AS name


@dataclass(frozen=True, slots=True)
class Source:
    """A path below the context, or a pattern of such, as BuildKit takes it; ``.`` is the whole context.

    ``stage`` is the number of the stage that takes it; with ``onbuild``, whoever builds from that one does.
    """

    path: str
    line: int
    stage: int
    onbuild: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its name in lower case, the stage it is built from, and those it copies or mounts from."""

    name: str
    base: int | None
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sources:
    """What the stages of a Dockerfile take from the context, in the order of the file, and what cannot be told."""

    named: tuple[Source, ...] = ()
    unclear: tuple[Unclear, ...] = ()
    stages: tuple[Stage, ...] = ()

    def needed(self, target: str = "") -> Sources:
        """Return what a build up to the stage ``target`` takes: BuildKit leaves out the stages that it does not need."""
        reached = self._reached(target)
        bases = {self.stages[number].base for number in reached}
        named = tuple(s for s in self.named if s.stage in (bases if s.onbuild else reached))
        return Sources(named, self.unclear, self.stages)

    @property
    def left_to_children(self) -> tuple[Source, ...]:
        """What an image that is built from this one takes from its own context."""
        return tuple(s for s in self.named if s.onbuild and s.stage == len(self.stages) - 1)

    def _reached(self, target: str) -> frozenset[int]:
        reached: set[int] = set()
        todo = [self._number(target, len(self.stages))] if target else [len(self.stages) - 1]
        while todo:
            number = todo.pop()
            if number is None or number < 0 or number in reached:
                continue
            reached.add(number)
            stage = self.stages[number]
            todo += [stage.base, *(self._number(name, len(self.stages)) for name in stage.uses)]
        return frozenset(reached)

    def _number(self, name: str, before: int) -> int | None:
        return _stage_number(name, self.stages[:before])


def local_sources(dockerfile: Dockerfile, args: Mapping[str, str] = _NO_ARGS, platform: str = "linux/amd64") -> Sources:
    """Return what a Dockerfile takes from its context.

    ``args`` are the arguments given to the build. A source that needs a variable which no ARG or ENV of the file has set
    is unclear, since the base image may have set it.
    """
    return _Finder(dockerfile, args, platform).all()


def _stage_number(name: str, stages: Sequence[Stage]) -> int | None:
    """Return which stage a ``from`` means: the last of that name, or the one of that number; None for an image."""
    found = [number for number, stage in enumerate(stages) if stage.name == name.lower()]
    if found:
        return found[-1]
    return int(name) if name.isascii() and name.isdecimal() and int(name) < len(stages) else None


class _Scope:
    """The variables of a stage: what ARG sets, and ENV, which wins."""

    def __init__(self, above: _Scope | None = None) -> None:
        self.args: dict[str, str | None] = dict(above.args) if above else {}
        self.env: dict[str, str | None] = dict(above.env) if above else {}

    @property
    def known(self) -> dict[str, str]:
        both = {**self.args, **self.env}
        return {name: value for name, value in both.items() if value is not None}


class _Finder:
    def __init__(self, dockerfile: Dockerfile, args: Mapping[str, str], platform: str) -> None:
        self.escape = dockerfile.escape
        self.dockerfile = dockerfile
        self.args = args
        self.globals = global_arguments(dockerfile, args, platform, "").values
        self.stages: list[Stage] = []
        self.scopes: list[_Scope] = []
        self.named: dict[Source, None] = {}
        self.unclear: list[Unclear] = []

    def all(self) -> Sources:
        for instruction in self.dockerfile.instructions:
            if instruction.name == "FROM":
                self._from(instruction)
            elif self.stages:
                self._step(instruction, instruction.command, onbuild=False)
        return Sources(tuple(self.named), tuple(self.unclear), tuple(self.stages))

    def _from(self, instruction: Instruction) -> None:
        words = list_words(instruction.text, instruction.command.start, instruction.command.end)
        base, name = None, ""
        if words:
            text = self._expanded(words[0].text, self.globals)
            base = next(
                (n for n, s in reversed([*enumerate(self.stages)]) if s.name and s.name == (text or "").lower()), None
            )
        if len(words) == _NAMED:
            name = words[2].text.lower()
        self.scopes.append(_Scope(None if base is None else self.scopes[base]))
        self.stages.append(Stage(name, base))

    def _step(self, instruction: Instruction, command: Command, *, onbuild: bool) -> None:
        scope = self.scopes[-1]
        if command.inner:
            self._step(instruction, command.inner, onbuild=True)
        elif command.name in {"ARG", "ENV"} and not onbuild:
            self._declare(instruction, scope)
        elif command.name in {"COPY", "ADD"}:
            self._copy(instruction, command, scope, onbuild=onbuild)
        elif command.name == "RUN":
            for flag in command.flags:
                if flag.text.startswith("--mount="):
                    self._mount(instruction, flag.text.removeprefix("--mount="), scope, onbuild=onbuild)

    def _declare(self, instruction: Instruction, scope: _Scope) -> None:
        command = instruction.command
        words = [w.text for w in shell_words(instruction.text, command.start, command.end, self.escape)]
        if instruction.name == "ENV" and words and "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]
        known = scope.known  # what one ENV sets counts from the next instruction on
        for word in words:
            name, equals, value = word.partition("=")
            if instruction.name == "ENV":
                scope.env[name] = self._expanded(value, known)
            elif name in self.args:
                scope.args[name] = self.args[name]
            elif equals:
                scope.args[name] = self._expanded(value, scope.known)
            else:
                scope.args[name] = self.globals.get(name)

    def _copy(self, instruction: Instruction, command: Command, scope: _Scope, *, onbuild: bool) -> None:
        origin = next((f.text.removeprefix("--from=") for f in command.flags if f.text.startswith("--from=")), "")
        if origin:
            self._uses(origin)
            return
        for value in command.values[:-1]:
            heredoc = value.startswith("<<") and instruction.heredocs
            if not heredoc and not (command.name == "ADD" and _REMOTE.match(value)):
                self._take(instruction, value, scope, onbuild=onbuild, remote=command.name == "ADD")

    def _mount(self, instruction: Instruction, text: str, scope: _Scope, *, onbuild: bool) -> None:
        parts = fields(text)
        kind = parts.get("type", "bind")
        if kind in {"bind", "cache"} and parts.get("from"):
            self._uses(parts["from"])
        elif kind == "bind":
            source = next((parts[name] for name in ("source", "src") if parts.get(name)), "/")
            self._take(instruction, source, scope, onbuild=onbuild)

    def _uses(self, origin: str) -> None:
        stage = self.stages[-1]
        self.stages[-1] = Stage(stage.name, stage.base, stage.uses | {origin})

    def _take(self, instruction: Instruction, text: str, scope: _Scope, *, onbuild: bool, remote: bool = False) -> None:
        source = self._expanded(text, scope.known)
        if source is None:
            why = "it has a variable that neither ARG nor ENV of this file sets"
            self.unclear.append(Unclear(text, instruction.start_line, 1, why))
        elif not (remote and _REMOTE.match(source)):
            path = posixpath.normpath(posixpath.join("/", source)).lstrip("/") or "."
            self.named[Source(path, instruction.start_line, len(self.stages) - 1, onbuild)] = None

    def _expanded(self, text: str, known: Mapping[str, str]) -> str | None:
        """Return a text with its variables replaced, or None where one that it uses is not known."""
        try:
            expansion = expand(text, known, self.escape)
        except ShellError:
            return None
        return expansion.text if all(name in known for name in expansion.used) else None
