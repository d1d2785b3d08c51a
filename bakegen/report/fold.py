"""Trace, usage and verdicts -> Report: pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from bakegen.render.titles import brief
from bakegen.report.advice import advice
from bakegen.report.fetched import fetched, total
from bakegen.report.model import CACHE_STATES, KINDS, CacheRow, ImageRow, PathStep, Report, StepRow, Sums
from bakegen.report.sizes import sizes, stored
from bakegen.report.words import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakegen.report.fetched import Downloads
    from bakegen.report.model import RunFacts, StepState
    from bakegen.report.sizes import Layers
    from bakegen.trace.model import Link, Step, Trace
    from bakegen.verdicts.model import Usage, Verdict


_CLOCKS = 2.0  # seconds by which the engine's clock and ours may differ over a run


def report(  # noqa: PLR0913 - the parts of a record
    run: RunFacts,
    trace: Trace,
    path: Sequence[Link] = (),
    efficiency: float | None = None,
    *,
    before: Sequence[Usage] | None = None,
    after: Sequence[Usage] | None = None,
    verdicts: Sequence[Verdict] = (),
    missing: Sequence[str] = (),
    layers: Mapping[str, Layers] | None = None,
) -> Report:
    """Return the report of a run; ``before`` and ``after`` are the engine's cache mounts, None when not recorded."""
    measured = sizes(layers or {}, run.parents or {})
    known = fetched(trace.steps)
    links = tuple(_path_step(link) for link in path)
    on_path = {link.step.key for link in path}
    return Report(
        run=run,
        began=trace.began,
        span=trace.seconds,
        images=tuple(replace(_image(name, run, trace, known), size=measured.get(name)) for name in _names(run, trace)),
        whole=sums(trace.steps, known),
        steps=tuple(_step_row(step, trace, known, on_path) for step in trace.steps),
        caches=_caches(trace, before, after, verdicts),
        path=links,
        efficiency=efficiency,
        advice=advice(links, trace, known, efficiency),
        missing=(*missing, *_strange_times(run, trace)),
        stored=stored(layers) if layers else None,
    )


def sums(steps: Iterable[Step], known: Downloads) -> Sums:
    """Return what steps add up to."""
    steps = tuple(steps)
    spent = dict.fromkeys(KINDS, 0.0)
    for step in steps:
        spent[step.kind] += step.seconds
    return Sums(
        total=sum(step.counted for step in steps),
        cached=sum(step.counted and step.cached for step in steps),
        seconds=spent,
        apt=total(steps, "apt", known),
        python=total(steps, "python", known),
        context=sum(step.moved for step in steps if step.kind == "context"),
        pulled=sum(step.moved for step in steps if step.kind == "base"),
    )


def state(step: Step) -> StepState:
    """Return what became of a step."""
    if step.failed:
        return "failed"
    if step.cancelled:
        return "cancelled"
    if step.cached:
        return "cached"
    return "executed" if step.intervals else "not run"


def _strange_times(run: RunFacts, trace: Trace) -> tuple[str, ...]:
    """Return a remark on steps from before the run: BuildKit gives builds that share a running step its first times."""
    if run.seconds is None or trace.seconds <= run.seconds + _CLOCKS:
        return ()
    remark = (
        f"steps span {seconds(trace.seconds)}, the run took {seconds(run.seconds)}: another build on the engine had begun "
        "some of them, and their times are that build's"
    )
    return (remark,)


def _names(run: RunFacts, trace: Trace) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(run.statuses or ()), *trace.images)))


def _image(name: str, run: RunFacts, trace: Trace, known: Downloads) -> ImageRow:
    own = trace.of(name)
    counted = [step for step in own if step.counted]
    told = (run.elapsed or {}).get(name)
    if told is not None and told > trace.seconds + _CLOCKS:
        told = None  # it has another build's times in it: see `_strange_times`
    return ImageRow(
        name=name,
        status=(run.statuses or {}).get(name) or _status(own),
        seconds=_elapsed(own) if told is None else told,
        total=len(counted),
        cached=sum(step.cached for step in counted),
        sums=sums(trace.charged_to(name), known),
        shared=sum(step.images[0] != name for step in counted),
    )


def _elapsed(own: Sequence[Step]) -> float:
    real = [step.intervals for step in own if step.kind != "internal" and step.intervals]
    return max(spans[-1][1] for spans in real) - min(spans[0][0] for spans in real) if real else 0.0


def _status(own: Sequence[Step]) -> str:
    """Return how an image ended as far as its steps tell."""
    states = {state(step) for step in own}
    for word in ("failed", "cancelled"):
        if word in states:
            return word
    return "unknown"


def _step_row(step: Step, trace: Trace, known: Downloads, on_path: set[str]) -> StepRow:
    return StepRow(
        key=step.key,
        title=brief(step.title) or step.title,
        kind=step.kind,
        images=step.images,
        state=state(step),
        seconds=step.seconds,
        spans=tuple((start - trace.began, end - trace.began) for start, end in step.intervals),
        moved=step.moved,
        downloaded=known.get(step.key),
        on_path=step.key in on_path,
        error=trace.errors.get(step.key, ""),
    )


def _path_step(link: Link) -> PathStep:
    step = link.step
    image = step.images[0] if step.images else ""
    return PathStep(step.key, brief(step.title) or step.title, step.kind, image, link.seconds, link.waited)


def _caches(
    trace: Trace, before: Sequence[Usage] | None, after: Sequence[Usage] | None, verdicts: Sequence[Verdict]
) -> tuple[CacheRow, ...]:
    """Return the cache mounts that the family's steps name, with what was measured and judged of each."""
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for step in trace.steps:
        for cache in step.caches:
            users[_name(cache.id or cache.target)].update(dict.fromkeys(step.images))
    judged: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        judged[_name(verdict.cache.id or verdict.cache.target)].append(verdict)
    sizes_before, sizes_after = _sizes(before), _sizes(after)
    return tuple(
        _cache_row(name, tuple(users[name]), (sizes_before, sizes_after), judged[name])
        for name in sorted({*users, *judged})
    )


def _cache_row(
    name: str,
    images: tuple[str, ...],
    sizes: tuple[Mapping[str, int | None] | None, Mapping[str, int | None] | None],
    judged: Sequence[Verdict],
) -> CacheRow:
    worst = min(judged, key=lambda verdict: CACHE_STATES.index(verdict.state), default=None)
    before, after = (None if found is None else found.get(name, 0) for found in sizes)
    if worst is None:
        return CacheRow(name, images, before, after)
    return CacheRow(name, images, before, after, worst.state, worst.reason, worst.fix)


def _sizes(usage: Sequence[Usage] | None) -> dict[str, int | None] | None:
    """Return bytes by id; an id that is used with several owners has a mount for each.

    A mount that a step still held has 0 bytes, which no mount can have (an empty one has 4,096): it was not measured.
    """
    if usage is None:
        return None
    found: dict[str, int | None] = {}
    for mount in usage:
        sum_before = found.get(_name(mount.id), 0)
        found[_name(mount.id)] = sum_before + mount.size if sum_before is not None and mount.size else None
    return found


def _name(mount: str) -> str:
    return mount.lstrip("/")
