"""What is in a build context, what of it is sent, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass

from bakegen.dockerfile.references import Unclear
from bakegen.ignore import Pattern


@dataclass(frozen=True, slots=True)
class File:
    """A file of the context; ``sent`` where COPY, ADD or a bind mount takes it. Links and second names have no size."""

    path: str
    size: int
    sent: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or directory that a line of .dockerignore leaves out, and what is lost with it."""

    path: str
    files: int
    size: int
    by: Pattern


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk through a context found, in the order of the paths."""

    files: tuple[File, ...]
    left_out: tuple[LeftOut, ...]
    #: directories that cannot be read, for which BuildKit fails
    unreadable: tuple[str, ...]
    #: files that the patterns let through on the walk only, which BuildKit sends empty
    emptied: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """The build context of an image; paths of files are relative to ``directory``, which is relative to the project."""

    image: str
    dockerfile: str
    directory: str
    #: the .dockerignore that counts; None where there is none
    ignore_file: str | None
    #: whether that is the one which bakegen would write by now
    current: bool
    #: what its steps take, as written, variables replaced; "." is everything
    sources: tuple[str, ...]
    #: what cannot be told of that: everything counts as taken then
    unclear: tuple[Unclear, ...]
    found: Found

    @property
    def sent(self) -> tuple[int, int]:
        """How many files BuildKit is sent, and how many bytes they have."""
        sizes = [file.size for file in self.found.files if file.sent]
        return len(sizes), sum(sizes)

    @property
    def left_in(self) -> tuple[int, int]:
        """How many files .dockerignore leaves in the context, and how many bytes they have."""
        return len(self.found.files), sum(file.size for file in self.found.files)
