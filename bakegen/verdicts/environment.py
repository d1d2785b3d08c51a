"""The environment that each RUN of a family sees, as far as Dockerfiles and base images tell.

Rules: https://docs.docker.com/reference/dockerfile/#env, #arg and #user there. ENV is inherited by child stages and
images; an ARG holds for its stage and the stages built on it; where both set a name, ENV wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Instruction, parse
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import list_words, shell_words

#: Whose the steps are, beside the variables: no variable's name can have a "=" in it.
RUNS_AS = "=user"
_HandedDown: TypeAlias = Callable[[str], Mapping[str, str]]
_LAYERS = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})


def set_by(name: str) -> str:
    """Return the key under which an environment says who set a variable, such as ``docker/base/Dockerfile:9``."""
    return f"={name}"


def place(image: str, stage: str, number: int) -> str:
    """Return the key of one step's own environment, by the stage and number that BuildKit gives it."""
    return f"{image} [{stage} {number}]"


@dataclass(frozen=True, slots=True)
class Source:
    """An image's Dockerfile: ``path`` for people, ``args`` as the build is given them.

    ``parents`` are images of the family by the reference that a FROM names them with; ``target`` is the stage to build,
    "" for the last.
    """

    path: str
    text: str
    args: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    target: str = ""


@dataclass(slots=True)
class _Stage:
    """What is in force at one point of a stage."""

    env: dict[str, str]
    args: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def seen(self) -> dict[str, str]:
        return {**self.args, **self.env}


def environments(
    sources: Mapping[str, Source], bases: Mapping[str, Mapping[str, str]], platform: str = "linux/amd64"
) -> dict[str, Mapping[str, str]]:
    """Return the environments of a family: by image what its last stage ends with, and by ``place`` what each RUN sees.

    ``bases`` is the environment in the configuration of each external image, by the reference as FROM names it; one that
    is missing counts as empty. Besides variables, an environment holds who set each (``set_by``) and ``RUNS_AS``. An
    image whose Dockerfile BuildKit would not take has none.
    """
    family = _Family(sources, bases, platform)
    for image in sources:
        family.read(image)
    return family.found


def base_environment(env: Mapping[str, str] | None, reference: str, user: str = "") -> dict[str, str]:
    """Return what an external image hands down: its configuration's variables and user."""
    values = dict(env or {})
    origins = {set_by(name): f"the base {reference}" for name in values}
    return {**values, **origins, **({RUNS_AS: user} if user else {})}


@dataclass(slots=True)
class _Family:
    """What is known of a family, image by image."""

    sources: Mapping[str, Source]
    bases: Mapping[str, Mapping[str, str]]
    platform: str
    found: dict[str, Mapping[str, str]] = field(default_factory=dict)
    left: dict[str, Mapping[str, str]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)

    def read(self, image: str) -> Mapping[str, str]:
        """Take in an image, its parents first; return what it hands down. A loop, which bake refuses, ends at itself."""
        if image in self.opened:
            return self.left.get(image, {})
        self.opened.add(image)
        source = self.sources[image]

        def handed_down(reference: str) -> Mapping[str, str]:
            parent = source.parents.get(reference, "")
            return self.read(parent) if parent in self.sources else self.bases.get(reference, {})

        try:
            reader = _Reader(image, source, parse(source.text), self.platform)
            self.found.update(reader.run(handed_down))
            self.left[image] = reader.left
        except DockerfileError:
            self.found[image] = {}
        return self.left.get(image, {})


class _Reader:
    """One pass over a Dockerfile."""

    def __init__(self, image: str, source: Source, dockerfile: Dockerfile, platform: str) -> None:
        self.image, self.source, self.dockerfile = image, source, dockerfile
        self.globals = global_arguments(dockerfile, source.args, platform, source.target).values
        self.stages: dict[str, _Stage] = {}
        self.left: Mapping[str, str] = {}

    def run(self, handed_down: _HandedDown) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield each RUN's environment under its place, and the image's own under its name."""
        stage, name, index = _Stage({}), "", -1
        for instruction in self.dockerfile.instructions:
            if instruction.name == "FROM":
                index += 1
                stage, name = self._from(instruction, index, handed_down)
                self.stages[name] = self.stages[str(index)] = stage
            elif index >= 0:
                stage.number += instruction.name in _LAYERS
                self._take(instruction, stage)
                if instruction.name == "RUN":
                    yield place(self.image, name, stage.number), stage.seen()
        last = self.stages.get(self.source.target.lower() or str(index), stage)
        self.left = last.env  # what children get: no ARG
        yield self.image, last.seen()

    def _from(self, instruction: Instruction, index: int, handed_down: _HandedDown) -> tuple[_Stage, str]:
        words = [w.text for w in list_words(instruction.text, instruction.command.start, instruction.command.end)]
        reference = self._expand(words[0], self.globals)
        named = len(words) > 2  # noqa: PLR2004 - FROM image AS name
        name = words[-1].lower() if named else f"stage-{index}"
        if (base := self.stages.get(reference.lower())) and not reference.isdigit():
            return _Stage(dict(base.env), dict(base.args)), name
        # BuildKit counts FROM as the first step, but for scratch and stages (dockerfile2llb/convert.go, toDispatchState)
        return _Stage(dict(handed_down(reference)), {}, int(reference != "scratch")), name

    def _take(self, instruction: Instruction, stage: _Stage) -> None:
        if instruction.name == "ENV":
            values = instruction.values
            seen = stage.seen()  # one ENV's pairs do not see each other
            for name, value in zip(values[::3], values[1::3], strict=True):
                bare = self._expand(name, seen)
                stage.env[bare] = self._expand(value, seen)
                stage.env[set_by(bare)] = f"ENV in {self.source.path}:{instruction.start_line}"
        elif instruction.name == "USER" and instruction.values:
            stage.env[RUNS_AS] = self._expand(instruction.values[0], stage.seen()).partition(":")[0]
        elif instruction.name == "ARG":
            command = instruction.command
            for word in shell_words(instruction.text, command.start, command.end, self.dockerfile.escape):
                self._argument(word.text, instruction, stage)

    def _argument(self, text: str, instruction: Instruction, stage: _Stage) -> None:
        name, equals, default = text.partition("=")
        value = self.source.args.get(name)
        if value is None:
            value = self._expand(default, stage.seen()) if equals else self.globals.get(name)
        if value is not None:
            stage.args[name] = value
            stage.args[set_by(name)] = f"ARG in {self.source.path}:{instruction.start_line}"

    def _expand(self, word: str, seen: Mapping[str, str]) -> str:
        try:
            return expand(word, seen, self.dockerfile.escape).text
        except ShellError:
            return word
