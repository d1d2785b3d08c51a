"""The values of a build: what is asked for, how each image stands, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from bakegen.engine.bake import Definition, Output
    from bakegen.engine.events import BuildWarning

Status: TypeAlias = Literal["waiting", "running", "built", "cached", "failed", "cancelled"]
Outcome: TypeAlias = Literal["built", "failed", "cancelled"]
Compression: TypeAlias = Literal["auto", "keep"]

FINAL: frozenset[Status] = frozenset({"built", "cached", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """What goes into an image: ``text`` is the same as long as all that is known of it is.

    ``tags`` are its references in full. ``whole`` is whether all but the content of its bases is known, which leaves out
    hand-written Dockerfiles.
    """

    text: str
    tags: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build. ``targets`` are bake targets (no groups); ``files`` are bake files, relative to ``root`` or absolute.

    ``contexts`` and ``args`` set attributes of bake targets for this build alone: ``{target: {name: value}}``.
    ``allow`` grants access beyond ``root``, in the words of `docker buildx bake --allow`. ``definition`` is what
    `bake --print` would show under ``target`` for these targets and all that they are linked to; without it buildx is
    asked, which costs 0.25 s. ``stamps`` tell which images are made of the same as before. ``compression`` "auto" stores layers as zstd where the engine can, "keep"
    leaves the bake file's word, which is gzip unless it says otherwise.
    """

    targets: tuple[str, ...]
    root: Path
    files: tuple[Path, ...]
    builder: str | None = None
    output: Output = "default"
    sets: tuple[str, ...] = ()
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    args: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    definition: Definition | None = None
    compression: Compression = "auto"
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageState:
    """How one image stands. Steps are the image's own instructions, FROM and inherited ones left out.

    ``step`` is what runs now, the ``number``-th of ``total`` steps (0: not counted, such as loading the context);
    ``began`` and ``step_began`` are on the caller's clock, ``seconds`` on the engine's, from first step to export.
    ``selected`` is False for a parent that is only built because a selected image stands on it.
    """

    name: str
    status: Status = "waiting"
    selected: bool = True
    step: str = ""
    number: int = 0
    total: int = 0
    cached: int = 0
    done: int = 0
    began: float | None = None
    step_began: float | None = None
    seconds: float = 0.0
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All images at one moment, parents before children; ``now`` and ``began`` are on the caller's clock."""

    images: tuple[ImageState, ...]
    began: float = 0.0
    now: float = 0.0

    def count(self, *statuses: Status) -> int:
        """Return how many images have one of these statuses."""
        return sum(image.status in statuses for image in self.images)


class Display(Protocol):
    """What shows a build while it runs. Calls come from one thread, at most ten a second."""

    def update(self, snapshot: Snapshot) -> None:
        """Show how the images stand now."""

    def close(self, snapshot: Snapshot, outcome: Outcome) -> None:
        """Show how it ended; nothing is shown afterwards."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What came of one image.

    ``log`` is relative to the run directory, "" when nothing was printed; ``digest`` is that of the index, as buildx
    reports it, "" when it reports none (cache only, or a bake that failed).
    """

    name: str
    status: Status
    selected: bool
    seconds: float
    steps: int
    cached: int
    log: str = ""
    digest: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the image as result.json holds it."""
        return {
            "name": self.name,
            "status": self.status,
            "selected": self.selected,
            "seconds": round(self.seconds, 3),
            "steps": {"cached": self.cached, "total": self.steps},
            "log": self.log,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came of a build; the same is in ``directory``/result.json."""

    id: str
    outcome: Outcome
    seconds: float
    images: tuple[ImageResult, ...]
    directory: Path
    warnings: tuple[BuildWarning, ...] = ()
