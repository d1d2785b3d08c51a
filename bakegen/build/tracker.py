"""Events in, the state of every image out. No clock, no files: the caller passes the time of each event.

An event costs the same however many images there are; a snapshot works out again only the images that changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakegen.build.amounts import Amounts
from bakegen.build.model import FINAL, ImageState, Snapshot
from bakegen.build.steps import Image, Step
from bakegen.engine.events import BuildWarning, Status, Vertex
from bakegen.engine.names import StepName, parse_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bakegen.build.model import Outcome
    from bakegen.engine.events import Event


_DIGEST = re.compile(r"(?<=@)sha256:[0-9a-f]{64}$")
_CACHE = "type=cache"  # in the name of a RUN that mounts one
_OPTIONAL = ("importing cache", "exporting cache")  # may fail without failing the build; if they do, buildx says so


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that broke, with every image that has it as a step of its own."""

    digest: str
    images: tuple[str, ...]
    title: str
    error: str


class Tracker:
    """How the images of a build stand, folded from what BuildKit reports about one bake after another."""

    def __init__(
        self,
        order: Sequence[str],
        ancestors: Mapping[str, frozenset[str]],
        selected: Collection[str],
        exporting: Collection[str],
        began: float = 0.0,
    ) -> None:
        """Take all images, parents first; those in ``exporting`` are done only when their result is handed over."""
        self._images = {
            name: Image(name, ancestors.get(name, frozenset()), name in selected, name in exporting) for name in order
        }
        self._states = {name: ImageState(name, selected=name in selected) for name in order}
        self._changed: set[str] = set()
        self._owners: dict[str, set[str]] = {}
        self._errors: dict[str, str] = {}
        self._names: dict[str, StepName] = {}
        self._sole = ""
        self._began = began
        self._amounts = Amounts()
        self.warnings: list[BuildWarning] = []
        self.mounted = False  # whether a step with a cache mount ran
        self.started: float | None = None  # when the build began, by the engine's clock
        self.ran: set[str] = set()  # images of which a step was not cached
        self.bases: set[str] = set()  # digests of what images are built from; "" for one that BuildKit does not tell

    @property
    def mounted_since(self) -> float | None:
        """When the build began, by the engine's clock, if a step with a cache mount ran; None if none did."""
        return (self.started or 0.0) if self.mounted else None

    def begin(self, solved: Collection[str]) -> None:
        """Expect the events of a bake that solves these targets; buildx names targets only when there are several."""
        self._sole = next(iter(solved)) if len(solved) == 1 else ""
        self._names.clear()

    def feed(self, event: Event, now: float) -> None:
        """Take in one event that arrived at ``now``."""
        match event:
            case Vertex():
                self._vertex(event, now)
            case Status():
                self._amounts.fold(event)
                self._changed |= self._owners.get(event.vertex, set())
            case BuildWarning() if event not in self.warnings:
                self.warnings.append(event)

    def end(self, solved: Collection[str], outcome: Outcome) -> None:
        """Take in that a bake is over: all it solved is built when it went well, else what is unfinished is cancelled."""
        for name in solved:
            image = self._images[name]
            status = image.state(self).status
            if outcome == "built" and status != "cached":
                status = image.success(self)
            image.settled = status if status in FINAL else "cancelled"
            self._changed.add(name)

    def again(self, solved: Collection[str]) -> None:
        """Take in that a bake came to nothing and what it left unfinished will be baked again."""
        for name in solved:
            image = self._images[name]
            image.cancelled = False
            for step in image.steps.values():
                step.open.clear()
            self._changed.add(name)

    def snapshot(self, now: float) -> Snapshot:
        """Return how all images stand."""
        for name in self._changed:
            self._states[name] = self._images[name].state(self)
        self._changed.clear()
        return Snapshot(tuple(self._states.values()), self._began, now)

    def owners(self, digest: str) -> tuple[str, ...]:
        """Return the images that have the step as their own: not those that only stand on such an image."""
        names = self._owners.get(digest, set())
        return tuple(sorted(name for name in names if not names & self._images[name].ancestors))

    def title(self, digest: str, image: str) -> str:
        """Return what the step is called within the image, such as ``RUN make``."""
        found = (step for step in self._images[image].steps.values() if digest in step.digests)
        step = next(found, None)
        return step.title.text if step else ""

    def failures(self) -> tuple[Failure, ...]:
        """Return the steps that broke, each once however many images share it, in the order in which they did."""
        found = []
        for digest, error in self._errors.items():
            images = self.owners(digest)
            if images:
                found.append(Failure(digest, images, self.title(digest, images[0]), error))
        return tuple(found)

    def _vertex(self, vertex: Vertex, now: float) -> None:
        title = self._names.get(vertex.name) or self._names.setdefault(vertex.name, parse_name(vertex.name, self._sole))
        self.mounted = self.mounted or (vertex.completed is not None and not vertex.cached and _CACHE in vertex.name)
        image = self._images.get(title.target)
        if image is None:
            return
        if title.internal and vertex.started is not None:  # a step of the build alone; others may share theirs with it
            self.started = min(vertex.started, self.started or vertex.started)
        if title.counted and vertex.completed is not None and not vertex.cached:
            self.ran.add(image.name)
        if found := _DIGEST.search(title.text) if not title.counted else None:
            self.bases.add(found[0])
        elif title.text.startswith("FROM "):
            self.bases.add("")
        owners = self._owners.setdefault(vertex.digest, set())
        owners.add(image.name)
        self._changed |= owners
        if vertex.error and not vertex.cancelled and not title.text.startswith(_OPTIONAL):
            self._errors.setdefault(vertex.digest, vertex.error)
        if image.settled is not None:
            return
        step = image.steps.get(vertex.name) or image.steps.setdefault(vertex.name, Step(title))
        if (
            self.started is not None and vertex.started is not None
        ):  # another build may have begun a shared step earlier
            vertex = replace(vertex, started=max(vertex.started, self.started))
        step.fold(vertex, now)
        image.cancelled = image.cancelled or vertex.cancelled

    def inherited(self, image: Image, step: Step) -> bool:
        """Return whether the step is an ancestor's, which the image only stands on."""
        return any(self._owners[digest] & image.ancestors for digest in step.digests)

    def failed(self, step: Step) -> bool:
        """Return whether the step broke."""
        return any(digest in self._errors for digest in step.digests)

    def amount(self, step: Step) -> str:
        """Return how far a running step is, for people."""
        return self._amounts.text(step.open)
