"""The steps of one image, folded from BuildKit's vertexes; what the image's state is can be read off them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from bakegen.build.model import ImageState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakegen.build.model import Status
    from bakegen.engine.events import Vertex
    from bakegen.engine.names import StepName


@dataclass(slots=True)
class Step:
    """One instruction of one image. BuildKit may know it by several digests, when it finds it equal to another's.

    ``first`` and ``began`` are when it was first and last seen to start, on the caller's clock; ``started`` and
    ``completed`` span all its runs, on the engine's.
    """

    title: StepName
    digests: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    ended: bool = False
    fresh: bool = False
    first: float | None = None
    began: float | None = None
    started: float | None = None
    completed: float | None = None

    @property
    def done(self) -> bool:
        """Return whether it has ended and was not started again."""
        return self.ended and not self.open

    def fold(self, vertex: Vertex, now: float) -> None:
        """Take in one report of the step; BuildKit repeats them, and may start again what it had completed."""
        self.digests.add(vertex.digest)
        if vertex.started is not None:
            self.started = min(vertex.started, self.started or vertex.started)
        if vertex.completed is not None:
            self.open.discard(vertex.digest)
            self.ended = True
            self.fresh = self.fresh or not vertex.cached
            self.completed = max(vertex.completed, self.completed or 0.0)
        elif vertex.started is not None:
            self.first = now if self.first is None else self.first
            self.began = self.began if self.open else now
            self.open.add(vertex.digest)


class View(Protocol):
    """What an image cannot know of its steps by itself."""

    def inherited(self, image: Image, step: Step) -> bool:
        """Return whether the step is an ancestor's, which the image only stands on."""

    def failed(self, step: Step) -> bool:
        """Return whether the step broke."""

    def amount(self, step: Step) -> str:
        """Return how far a running step is, for people."""


@dataclass(slots=True)
class Image:
    """One image while it is built. ``exports`` is whether a step that hands the result over is still to be expected."""

    name: str
    ancestors: frozenset[str]
    selected: bool
    exports: bool
    steps: dict[str, Step] = field(default_factory=dict)
    cancelled: bool = False
    settled: Status | None = None

    def state(self, view: View) -> ImageState:
        """Return how the image stands."""
        own = [step for step in self.steps.values() if not view.inherited(self, step)]
        counted = [step for step in own if step.title.counted]
        done = sum(step.done for step in counted)
        state = ImageState(
            self.name,
            selected=self.selected,
            total=len(counted),
            cached=sum(step.done and not step.fresh for step in counted),
            done=done,
            began=min((step.first for step in own if step.first is not None and not step.title.internal), default=None),
            seconds=_span(own),
            status=self.settled or self._status(own, counted, view),
        )
        running = [step for step in own if step.open]
        if state.status != "running" or not running:
            return state
        current = max(running, key=lambda step: (not step.title.internal, step.began or 0.0))
        return replace(
            state,
            step=current.title.text,
            number=min(done + 1, len(counted)) if current.title.counted else 0,
            step_began=current.began,
            amount=view.amount(current),
        )

    def _status(self, own: list[Step], counted: list[Step], view: View) -> Status:
        if any(view.failed(step) for step in own):
            return "failed"
        if any(step.open for step in own):
            return "running"
        exported = any(step.title.exports and step.done for step in own)
        if exported or (not self.exports and counted and all(step.done for step in counted)):
            return self.success(view)
        if self.cancelled:
            return "cancelled"
        return "running" if any(step.done for step in counted) else "waiting"

    def success(self, view: View) -> Status:
        """Return what a build of this image that went well is called."""
        counted = [step for step in self.steps.values() if step.title.counted and not view.inherited(self, step)]
        return "cached" if counted and not any(step.fresh for step in counted) else "built"


def _span(steps: Iterable[Step]) -> float:
    """Return the seconds from the first start to the last end, on the engine's clock, of all that is not preparation."""
    real = [step for step in steps if not step.title.internal]
    starts = [step.started for step in real if step.started is not None]
    ends = [step.completed for step in real if step.completed is not None]
    return max(max(ends) - min(starts), 0.0) if starts and ends else 0.0
