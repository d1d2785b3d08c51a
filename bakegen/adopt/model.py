"""What is found in a repository of hand-written Dockerfiles, and the family that it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bakegen.errors import Problem, Where

#: How a variable without a known value, or what a program prints, stands in a text; nothing else has it in tags or paths.
UNKNOWN = "${"


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command of a script, its variables replaced as far as they are known; ``${NAME}`` stands for the rest.

    ``cwd`` is where it runs: relative to where the script is started, or to the top of the project if it begins with "//".
    """

    words: tuple[str, ...]
    where: Where
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One build that a file describes. Paths are relative to the top of the project; ``stage`` "" is the last one."""

    where: Where
    dockerfile: str
    context: str
    tags: tuple[str, ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    stage: str = ""
    platforms: tuple[str, ...] = ()
    secrets: tuple[tuple[tuple[str, str], ...], ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """An image that a file names without building it: what compose runs, or a second name that ``docker tag`` gives."""

    where: Where
    reference: str
    service: str = ""
    #: for ``docker tag``: the name that the image had
    source: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one file tells, and what of it is not understood."""

    calls: tuple[Call, ...] = ()
    uses: tuple[Use, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """The files of a repository by what they are, and what they tell together."""

    dockerfiles: tuple[str, ...]
    calls: tuple[Call, ...]
    uses: tuple[Use, ...]
    bake_files: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()


Fact = Literal["name", "dockerfile", "context", "tags", "args", "stage", "platforms", "secrets", "from", "target"]


@dataclass(frozen=True, slots=True)
class AdoptedImage:
    """One image of the family to be; ``why`` says for its facts from where they are known, for people.

    ``tags`` are whole references. ``links`` are the images of the family that its Dockerfile names, each with the name it
    has there; ``parents`` are the same images, the one it is built from first. ``base`` is the name of the external image
    it stands on where that is none of the family, ``reference`` that image as FROM comes to it.
    """

    name: str
    dockerfile: str
    context: str
    tags: tuple[str, ...]
    args: tuple[tuple[str, str], ...] = ()
    stage: str = ""
    platforms: tuple[str, ...] = ()
    secrets: tuple[tuple[tuple[str, str], ...], ...] = ()
    parents: tuple[str, ...] = ()
    base: str = ""
    reference: str = ""
    links: tuple[tuple[str, str], ...] = ()
    target: str = ""
    why: tuple[tuple[Fact, str], ...] = ()

    def reason(self, fact: Fact) -> str:
        """Return from where a fact is known, "" where it needs no word."""
        return dict(self.why).get(fact, "")


@dataclass(frozen=True, slots=True)
class Adoption:
    """The family that a repository comes to: images parents first, bases by name, and what was not understood."""

    family: str
    registry: str
    tag: str
    images: tuple[AdoptedImage, ...]
    bases: tuple[tuple[str, str], ...] = ()
    notes: tuple[Problem, ...] = field(default=())
