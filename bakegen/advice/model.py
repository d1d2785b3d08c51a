"""What advice is made of: findings in a Dockerfile, and what the rules know beyond the file they look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bakegen.dockerfile.parser import Edit


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found: where (lines and columns from 1, the end behind the last character), what, why, and the fix.

    ``path`` is relative to the root, with forward slashes. ``edits`` are offsets in the text of the file; without any, the
    finding is for a person to act on.
    """

    rule: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    what: str
    why: str
    fix: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """What holds at one point of a build: ``text``, None where that cannot be told, and who set it, for people.

    ``where`` is such as ``docker/base/Dockerfile:9`` or ``the base python:3.11``; "" where nobody did.
    """

    text: str | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What an image hands down, or what holds ahead of an instruction.

    ``user`` is "" or "root" for root; ``shell`` is the JSON array of SHELL as words, joined by blanks. ``distro`` is a code
    name as in cache ids (``bookworm``, ``ubuntu22.04``), "" if unknown. A name that ``env`` lacks is unset if the state is
    ``complete``, else unknown: an external base whose configuration nobody has read may set it. ``base`` is the reference
    of the external image at the root of the chain; ``keeps_debs`` says that docker-clean has been removed.
    """

    env: Mapping[str, Value] = field(default_factory=dict)
    user: Value = Value()
    workdir: Value = Value()
    shell: Value = Value()
    distro: str = ""
    python: str = ""
    complete: bool = False
    base: str = ""
    keeps_debs: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules know beyond one file.

    ``parents`` are the states that images hand down, by reference, as FROM has it or with its variables replaced; images of
    the family and bases whose configuration is known. ``args`` are given to the build, ``platforms`` are those it is
    built for, both as far as known. ``ignore`` are the lines of the .dockerignore that holds, None without one.
    ``images`` are the references of the family's own images. ``children`` are the texts of the Dockerfiles that build on
    this one, directly or not, best as improved already: what they rely on stays.
    """

    parents: Mapping[str, State] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    ignore: tuple[str, ...] | None = None
    images: frozenset[str] = frozenset()
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Improved:
    """A file's new text, the findings whose edits it has, and those that are left for a person."""

    text: str
    applied: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = ()
