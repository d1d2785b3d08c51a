"""The values of a trace. Times are seconds since the epoch by the engine's clock, amounts are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What a step is about, told from its instruction; ``other`` is a RUN of the user's own.
Kind = Literal["base", "apt", "python", "copy", "context", "export", "other", "internal"]


@dataclass(frozen=True, slots=True)
class CacheUse:
    """One ``--mount=type=cache`` of a step, as the step's own name has it, with arguments expanded."""

    target: str
    id: str
    sharing: str = "shared"
    uid: int = 0
    gid: int = 0
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the solve graph, however many images share it.

    BuildKit may know one step by several digests and run it in several intervals; ``intervals`` do not overlap and are
    in order. ``images`` are those that have the step as their own, the first of them is charged for it.
    """

    key: str
    title: str
    kind: Kind
    images: tuple[str, ...]
    digests: frozenset[str]
    inputs: tuple[str, ...] = ()
    number: int = 0
    count: int = 0
    stage: str = ""
    platform: str = ""
    cached: bool = False
    failed: bool = False
    cancelled: bool = False
    intervals: tuple[tuple[float, float], ...] = ()
    caches: tuple[CacheUse, ...] = ()
    #: bytes that BuildKit says it moved: layers pulled, context sent, layers pushed
    moved: int = 0
    #: what the step printed, line by line, clean of control characters
    log: tuple[str, ...] = field(default=(), repr=False)

    @property
    def counted(self) -> bool:
        """Whether it is an instruction of a Dockerfile whose ``cached`` mark can be relied on: numbered, and not FROM."""
        return self.number > 0 and self.kind != "base"

    @property
    def executed(self) -> bool:
        """Whether it ran to its end in this run."""
        return bool(self.intervals) and not (self.cached or self.failed or self.cancelled)

    @property
    def seconds(self) -> float:
        """How long it ran, all intervals together."""
        return sum(end - start for start, end in self.intervals)

    @property
    def began(self) -> float | None:
        """When it first started."""
        return self.intervals[0][0] if self.intervals else None

    @property
    def ended(self) -> float | None:
        """When it last ended."""
        return self.intervals[-1][1] if self.intervals else None


@dataclass(frozen=True, slots=True)
class Link:
    """A step on the critical path: it could not start before the one ahead of it had ended."""

    step: Step
    #: seconds of it that nothing else on the path covers
    seconds: float
    #: seconds between the end of the one ahead and its own start
    waited: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One run. Steps are in the order in which they first started, those that never did last.

    ``bakes`` is when each bake began: a later one begins when the one before it has ended.
    """

    images: tuple[str, ...]
    steps: tuple[Step, ...]
    began: float
    ended: float
    #: why steps failed, by key
    errors: Mapping[str, str] = field(default_factory=dict)
    bakes: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """The wall time of the run, from its first step to its last."""
        return self.ended - self.began

    def of(self, image: str) -> tuple[Step, ...]:
        """Return the steps that an image has as its own."""
        return tuple(step for step in self.steps if image in step.images)

    def charged_to(self, image: str) -> tuple[Step, ...]:
        """Return the steps that count for an image in sums over the family: each step counts once."""
        return tuple(step for step in self.steps if step.images[:1] == (image,))
