"""What one bake said, digest by digest, in whatever order and however often it said so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
_FIRST = ("load local bake definitions", "load remote bake definitions", "load build definition from")
_UNPREFIXED = "[internal] load build definition"
_OF_THE_BAKE = ("load local bake definitions", "load remote bake definitions")


@dataclass(frozen=True, slots=True)
class _Run:
    """One interval: its end, None while none was reported, and whether it was stopped rather than done."""

    end: float | None = None
    stopped: bool = False

    def better(self, other: _Run) -> _Run:
        """Return what two reports of one interval amount to: an end is more than none, done is more than stopped."""
        return max(self, other, key=lambda run: (run.end is not None, not run.stopped, run.end or 0.0))


@dataclass(slots=True)
class Seen:
    """One vertex. ``names`` is what each target calls it, taken from the ``written`` ones at the end; ``runs`` are its intervals by their start."""

    names: dict[str, StepName] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    inputs: tuple[str, ...] = ()
    runs: dict[float, _Run] = field(default_factory=dict)
    fresh: bool = False
    error: str = ""
    moved: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def fold(self, vertex: Vertex) -> None:
        """Take in one report; a report of an end carries the start of the same interval."""
        self.inputs = self.inputs or vertex.inputs
        end = vertex.completed
        start = end if vertex.started is None else vertex.started
        if start is not None:
            run = _Run(None if end is None else max(end, start), vertex.cancelled)
            self.runs[start] = run.better(self.runs.get(start, run))
        if end is not None and not vertex.cancelled:
            self.fresh = self.fresh or not vertex.cached
        if vertex.error and not vertex.cancelled:
            self.error = max(self.error, vertex.error)

    @property
    def ended(self) -> bool:
        """Whether it came to an end of its own, good or bad."""
        return any(run.end is not None and not run.stopped for run in self.runs.values())

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, or was still running when the record ended."""
        return bool(self._broken())

    def intervals(self, since: float, until: float) -> list[tuple[float, float]]:
        """Return when it ran in this bake; what was still running when the record ended did so ``until`` then.

        A step that another build is at, or was, on the same engine has that one's times: what is before ``since`` is not
        this bake's.
        """
        runs = [(start, run.end) for start, run in self.runs.items() if run.end is not None and not run.stopped]
        runs += [(start, max(start, until) if end is None else end) for start, end in self._broken()]
        return [(max(start, since), max(end, since)) for start, end in runs]

    def _broken(self) -> list[tuple[float, float | None]]:
        """Return the intervals that did not end well and count.

        Each target follows a shared step by itself. One whose image is done stops following it, which BuildKit reports
        as a cancellation or not at all: that says nothing of a step that others saw end after it.
        """
        done = [run.end for run in self.runs.values() if run.end is not None and not run.stopped]
        last = max(done, default=float("-inf"))
        left = ((start, run) for start, run in self.runs.items() if run.stopped or run.end is None)
        return [(start, run.end) for start, run in left if start > last]


@dataclass(slots=True)
class Bake:
    """One bake: what it solved, who stands on whom (None: not known), its vertexes, its first and last sign of life."""

    solved: tuple[str, ...] = ()
    parents: Mapping[str, tuple[str, ...]] | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    since: float = 0.0
    until: float = 0.0
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
        """Take in that the bake is over: names can be read, and what was printed without a line end counts as a line."""
        written = frozenset[str]().union(*(seen.written for seen in self.seen.values()))
        # a record from before bakes were marked, of one target: its steps are of an image whose name nobody knows
        nameless = not self.solved and any(name.startswith(_UNPREFIXED) for name in written)
        names = {name: self._parse(name, nameless=nameless) for name in written}
        self.since = min(
            (
                start
                for seen in self.seen.values()
                for name in seen.written
                if _reads(names[name])
                for start in seen.runs
            ),
            default=0.0,
        )
        for digest, seen in self.seen.items():
            for name in sorted(seen.written):
                seen.names.setdefault(names[name].target, names[name])
                if names[name].text.startswith(_OPTIONAL):
                    seen.error = ""
            seen.log.extend(self._lines.flush(digest))
            self._lines.forget(digest)

    def _of(self, digest: str) -> Seen:
        return self.seen.get(digest) or self.seen.setdefault(digest, Seen())

    def _vertex(self, vertex: Vertex) -> None:
        seen = self._of(vertex.digest)
        seen.written.add(vertex.name)
        seen.fold(vertex)
        self.until = max(self.until, vertex.started or 0.0, vertex.completed or 0.0)

    def _parse(self, name: str, *, nameless: bool) -> StepName:
        """Return the parts of a name; what belongs to the bake as a whole, or to no target that it solves, has none."""
        if nameless:
            return replace(parse_name(name, "-"), target="")
        parts = parse_name(name, self.solved[0] if len(self.solved) == 1 else "")
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


def _reads(name: StepName) -> bool:
    """Return whether a step reads what is to be built: no other build has it, and every bake begins with it."""
    return name.internal and name.text.startswith(_FIRST)


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
