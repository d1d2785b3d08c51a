"""What one bake said, digest by digest, in whatever order and however often it said so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bakegen.engine.events import Log, Status, Vertex, parse_line
from bakegen.engine.logs import LogLines
from bakegen.engine.names import StepName, parse_name

if TYPE_CHECKING:
    from bakegen.engine.events import Event

_MARK = b'{"bakegen"'
_BYTES = (
    "sha256:",
    "transferring ",
    "pushing layer ",
    "sending tarball",
)  # statuses whose numbers are bytes on the move
_OPTIONAL = ("importing cache", "exporting cache")  # may fail without failing the build
_OF_THE_BAKE = ("load local bake definitions", "load remote bake definitions")


@dataclass(slots=True)
class Seen:
    """One vertex. ``names`` is what each target calls it; ``runs`` maps the start of each interval to its end."""

    names: dict[str, StepName] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    runs: dict[float, float | None] = field(default_factory=dict)
    fresh: bool = False
    error: str = ""
    #: the end of the last interval and whether that was a cancellation
    last: tuple[float, bool] = (0.0, False)
    moved: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def fold(self, vertex: Vertex) -> None:
        """Take in one report; a report of an end carries the start of the same interval."""
        self.inputs = self.inputs or vertex.inputs
        start = vertex.completed if vertex.started is None else vertex.started
        if start is not None:
            end = None if vertex.completed is None else max(vertex.completed, start)
            known = self.runs.get(start)
            self.runs[start] = known if end is None else max(end, known or end)
        if vertex.completed is not None:
            self.last = max(self.last, (vertex.completed, vertex.cancelled))
            self.fresh = self.fresh or not vertex.cached
        if vertex.error and not vertex.cancelled:
            self.error = max(self.error, vertex.error)

    def intervals(self, until: float) -> list[tuple[float, float]]:
        """Return when it ran; what was still running when the record ends did so ``until`` then."""
        return [(start, max(start, until) if end is None else end) for start, end in self.runs.items()]


@dataclass(slots=True)
class Bake:
    """One bake: what it solved, who stands on whom (None: not known), its vertexes and the time of its last sign of life."""

    solved: tuple[str, ...] = ()
    parents: Mapping[str, tuple[str, ...]] | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    until: float = 0.0
    _names: dict[str, StepName] = field(default_factory=dict)
    _lines: LogLines = field(default_factory=LogLines)

    def feed(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Vertex():
                self._vertex(event)
            case Status(timestamp=time):
                self.until = max(self.until, time or 0.0)
                if event.current and event.id.startswith(_BYTES):
                    moved = self._of(event.vertex).moved
                    moved[event.id] = max(event.current, moved.get(event.id, 0))
            case Log(timestamp=time):
                self.until = max(self.until, time or 0.0)
                self._of(event.vertex).log.extend(self._lines.feed(event))

    def close(self) -> None:
        """Take in that the bake is over: what steps printed without a line end counts as a line."""
        for digest, seen in self.seen.items():
            seen.log.extend(self._lines.flush(digest))
            self._lines.forget(digest)

    def _of(self, digest: str) -> Seen:
        return self.seen.get(digest) or self.seen.setdefault(digest, Seen())

    def _vertex(self, vertex: Vertex) -> None:
        name = self._names.get(vertex.name) or self._names.setdefault(vertex.name, self._parse(vertex.name))
        seen = self._of(vertex.digest)
        known = seen.names.get(name.target)
        if known is None or (name.text, name.stage) < (known.text, known.stage):
            seen.names[name.target] = name
        seen.fold(vertex)
        if name.text.startswith(_OPTIONAL):
            seen.error = ""
        self.until = max(self.until, vertex.started or 0.0, vertex.completed or 0.0)

    def _parse(self, name: str) -> StepName:
        """Return the parts of a name; what belongs to the bake as a whole, or to no target that it solves, has none."""
        sole = self.solved[0] if len(self.solved) == 1 else ""
        parts = parse_name(name, sole)
        own = parts.target in self.solved if self.solved else parts.target not in {"", "internal"}
        if parts.text in _OF_THE_BAKE or not own:
            return StepName("", parts.text, internal=True)
        return parts


def bakes(lines: Iterable[bytes]) -> list[Bake]:
    """Return the bakes of a run, one for each line that marks a beginning and one for what stands ahead of the first."""
    found = [Bake()]
    for line in lines:
        if line.startswith(_MARK) and (mark := _mark(line)) is not None:
            found.append(mark)
            continue
        report = parse_line(line)
        if not isinstance(report, str):
            for event in report:
                found[-1].feed(event)
    for bake in found:
        bake.close()
    return [bake for bake in found if bake.seen or bake.solved]


def _mark(line: bytes) -> Bake | None:
    """Return the bake that a line of ours says begins here; None when it says nothing of the kind."""
    try:
        said = json.loads(line)["bakegen"]
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    parents = said.get("parents")
    known = {str(name): _texts(names) for name, names in parents.items()} if isinstance(parents, dict) else None
    return Bake(_texts(said.get("solved")) or _texts(said.get("targets")), known)


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - what JSON may hold
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
