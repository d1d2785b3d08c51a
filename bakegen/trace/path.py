"""What held a run up: the chain of steps that ends last, how busy the cores were, and what the time went into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakegen.trace.model import Link

if TYPE_CHECKING:
    from bakegen.trace.model import Kind, Step, Trace


@dataclass(frozen=True, slots=True)
class _Stop:
    """A step in one of its intervals: it may run in several, when other targets and later bakes come upon it again."""

    step: Step
    start: float
    end: float


def critical_path(trace: Trace) -> tuple[Link, ...]:
    """Return the chain of steps up to the one that ended last, in the order in which they ran; () when nothing ran.

    Each is preceded by that of its inputs that ended last. A step without inputs, such as the base, is preceded by what
    ended last before it for the same image or for the bake as a whole: BuildKit has no edge from the Dockerfile that is
    read to what stands in it, nor from one bake to the next. A step whose inputs were done in an earlier bake waited for all
    of that bake: it is preceded by what ended last there.

    The times of all links, with what each ``waited``, add up to the run's. A step that waits although its inputs are
    done waits for the engine: for a core, a lock on a cache mount, a layer to be unpacked. buildx sets the clock of each
    target by the arrival of its first report (util/progress/reset.go), so times of two targets are tenths of a second
    apart at worst; an input that seems to end after its successor began counts as ended then.
    """
    steps = {step.key: step for step in trace.steps}
    ends = [_Stop(step, *step.intervals[-1]) for step in trace.steps if step.intervals]
    if not ends:
        return ()
    stops = [max(ends, key=_order)]
    while ahead := _ahead(stops[-1], steps) or _before(stops[-1], trace.steps):
        bake = max((began for began in trace.bakes if ahead.end < began <= stops[-1].start), default=None)
        stops.append(ahead if bake is None else _last(trace.steps, bake))
    stops.reverse()
    since = [trace.began, *(stop.end for stop in stops)]
    return tuple(_link(stop, start) for stop, start in zip(stops, since, strict=False))


def efficiency(trace: Trace, cores: int) -> float:
    """Return how many steps ran per core, on average over the run: work / (wall * cores); 0 when nothing ran.

    A step counts as one core's work, whether it computes in threads or waits for the network. Above 1, more steps ran
    than there are cores.
    """
    wall = trace.seconds * cores
    return sum(step.seconds for step in trace.steps) / wall if wall > 0 else 0.0


def kinds(trace: Trace) -> dict[Kind, float]:
    """Return the seconds of all steps by kind, the largest first; each step counts once, however many images share it."""
    found: dict[Kind, float] = {}
    for step in trace.steps:
        if step.seconds:
            found[step.kind] = found.get(step.kind, 0.0) + step.seconds
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _ahead(stop: _Stop, steps: Mapping[str, Step]) -> _Stop | None:
    """Return the input that ended last before a step began; None when there is none."""
    inputs = (steps[key] for key in stop.step.inputs if key in steps)
    found = (
        _Stop(step, start, min(end, stop.start))
        for step in inputs
        for start, end in step.intervals
        if start < stop.start
    )
    return max(found, key=_order, default=None)


def _before(stop: _Stop, steps: Iterable[Step]) -> _Stop | None:
    """Return what ended last for the same image before a step began that has nothing else ahead of it."""
    images = set(stop.step.images)
    found = (
        _Stop(step, start, end)
        for step in steps
        if step is not stop.step and (not images or not step.images or images & set(step.images))
        for start, end in step.intervals
        if start < stop.start and end <= stop.start
    )
    return max(found, key=_order, default=None)


def _last(steps: Iterable[Step], moment: float) -> _Stop:
    """Return what ended last before a moment at which something had ended."""
    found = (_Stop(step, *interval) for step in steps for interval in step.intervals if interval[1] < moment)
    return max(found, key=_order)


def _order(stop: _Stop) -> tuple[float, float, str]:
    return stop.end, stop.end - stop.start, stop.step.key


def _link(stop: _Stop, since: float) -> Link:
    """Return the link for a step whose predecessor on the path ended at ``since``."""
    seconds = sum(max(min(end, stop.end) - max(start, since), 0.0) for start, end in stop.step.intervals)
    return Link(stop.step, seconds, max(stop.end - since - seconds, 0.0))
