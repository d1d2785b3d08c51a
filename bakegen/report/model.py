"""The values of a report: what one run means for its user. Times are seconds, amounts are bytes, None is "not measured"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bakegen.trace.model import Kind
from bakegen.verdicts.model import State

#: The kinds in the order in which tables list them; ``internal`` is BuildKit's own preparation.
KINDS: tuple[Kind, ...] = ("base", "apt", "python", "copy", "context", "export", "other", "internal")
StepState: TypeAlias = Literal["cached", "executed", "failed", "cancelled", "not run"]
#: From bad to good: a cache mount is called by the worst that is said of it.
CACHE_STATES: tuple[State, ...] = ("bypassed", "not stored", "cold", "working")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes downloaded; not ``exact`` when the logs show that there were more."""

    bytes: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What result.json says of a run; empty where there is none.

    ``statuses`` and ``elapsed`` (seconds from first own step to export) are the images', in its order; ``parents`` are
    what each stands on, the nearest ones.
    """

    id: str
    outcome: str = "outcome unknown"
    started: str = ""
    seconds: float | None = None
    output: str = ""
    cpus: int | None = None
    statuses: Mapping[str, str] | None = None
    elapsed: Mapping[str, float] | None = None
    parents: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Steps and what they took. ``total`` and ``cached`` count numbered instructions, FROM left out.

    ``seconds`` has every kind. ``apt`` and ``python`` are bytes downloaded, as the installers' logs say; ``context`` and ``pulled`` are what BuildKit says it moved.
    """

    total: int
    cached: int
    seconds: Mapping[Kind, float]
    apt: Fetched | None = None
    python: Fetched | None = None
    context: int = 0
    pulled: int = 0

    @property
    def work(self) -> float:
        """Return the seconds of all steps together."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Bytes of an image, unpacked, and those of them that are its parent's layers; None when that was not measured."""

    total: int
    parent: int | None = None

    @property
    def own(self) -> int | None:
        """Return the bytes of its own layers."""
        return None if self.parent is None else self.total - self.parent


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image; ``seconds`` is from its first own step to its last, waits included, as the build itself told.

    ``sums`` are of the steps it is charged for, so that they add up over the family; ``total`` and ``cached`` are of
    all its own instructions, the ``shared`` ones that another image is charged for too.
    """

    name: str
    status: str
    seconds: float
    total: int
    cached: int
    sums: Sums
    shared: int = 0
    size: ImageSize | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; ``spans`` are its runs, as seconds since the run began."""

    key: str
    title: str
    kind: Kind
    images: tuple[str, ...]
    state: StepState
    seconds: float
    spans: tuple[tuple[float, float], ...]
    moved: int = 0
    downloaded: Fetched | None = None
    on_path: bool = False
    error: str = ""

    @property
    def image(self) -> str:
        """Return the image that is charged for it; "" for what belongs to none."""
        return self.images[0] if self.images else ""


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One cache mount of the family. ``state`` is None when no judged step used it in this run."""

    id: str
    images: tuple[str, ...]
    before: int | None = None
    after: int | None = None
    state: State | None = None
    reason: str = ""
    fix: str = ""

    @property
    def delta(self) -> int | None:
        """Return by how much it grew."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step on the critical path: seconds it adds, and seconds of waiting ahead of it."""

    key: str
    title: str
    kind: Kind
    image: str
    seconds: float
    waited: float


@dataclass(frozen=True, slots=True)
class Change:
    """A figure in two runs; None where a run has no such thing."""

    name: str
    before: float | None
    after: float | None

    @property
    def delta(self) -> float | None:
        """Return the difference, positive when it grew."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class ImageChange:
    """An image in two runs: its elapsed seconds, and the work charged to it by kind."""

    seconds: Change
    kinds: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run beside an earlier one; ``note`` says what makes them unlike, such as other images."""

    run: str
    seconds: Change
    path: Change
    cached: Change
    kinds: tuple[Change, ...]
    images: tuple[ImageChange, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One run. ``began`` is when its first step began (seconds since the epoch), ``span`` the seconds of the steps.

    ``seconds`` is the wall time that the user waited, ``span`` where that is not recorded. ``efficiency`` is work / wall
    / cores. ``stored`` is bytes of all images, shared layers once. ``missing`` says what could not be told, and why.
    """

    run: RunFacts
    began: float
    span: float
    images: tuple[ImageRow, ...]
    whole: Sums
    steps: tuple[StepRow, ...]
    caches: tuple[CacheRow, ...]
    path: tuple[PathStep, ...]
    efficiency: float | None
    advice: tuple[str, ...] = ()
    compared: tuple[Comparison, ...] = ()
    missing: tuple[str, ...] = ()
    stored: int | None = None

    @property
    def seconds(self) -> float:
        """Return the wall time of the run."""
        return self.span if self.run.seconds is None else self.run.seconds

    @property
    def path_seconds(self) -> float:
        """Return how long the critical path is, waits included."""
        return sum(step.seconds + step.waited for step in self.path)

    @property
    def path_images(self) -> tuple[str, ...]:
        """Return the images along the critical path, each where it first comes."""
        return tuple(dict.fromkeys(step.image for step in self.path if step.image))
