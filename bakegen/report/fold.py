"""Trace, usage and verdicts -> Report: pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bakegen.render.titles import brief
from bakegen.report.advice import advice
from bakegen.report.model import CACHE_STATES, KINDS, CacheRow, ImageRow, PathStep, Report, StepRow, Sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakegen.report.model import RunFacts, StepState, Usage, Verdict
    from bakegen.trace.model import Link, Step, Trace


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
) -> Report:
    """Return the report of a run; ``before`` and ``after`` are the engine's cache mounts, None when not recorded."""
    fetched = downloads(verdicts)
    links = tuple(_path_step(link) for link in path)
    on_path = {link.step.key for link in path}
    return Report(
        run=run,
        began=trace.began,
        span=trace.seconds,
        images=tuple(_image(name, run, trace, fetched) for name in _names(run, trace)),
        whole=sums(trace.steps, fetched),
        steps=tuple(_step_row(step, trace, fetched, on_path) for step in trace.steps),
        caches=_caches(trace, before, after, verdicts),
        path=links,
        efficiency=efficiency,
        advice=advice(links, trace, fetched, efficiency),
        missing=tuple(missing),
    )


def downloads(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return the bytes that steps downloaded, by key; a step with several mounts fetched once."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.downloaded is not None:
            found[verdict.step_key] = max(found.get(verdict.step_key, 0), verdict.downloaded)
    return found


def sums(steps: Iterable[Step], fetched: Mapping[str, int]) -> Sums:
    """Return what steps add up to."""
    steps = tuple(steps)
    seconds = dict.fromkeys(KINDS, 0.0)
    for step in steps:
        seconds[step.kind] += step.seconds
    return Sums(
        total=sum(step.counted for step in steps),
        cached=sum(step.counted and step.cached for step in steps),
        seconds=seconds,
        apt=_fetched(steps, "apt", fetched),
        python=_fetched(steps, "python", fetched),
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


def _fetched(steps: Sequence[Step], kind: str, fetched: Mapping[str, int]) -> int | None:
    """Return the bytes that steps of a kind downloaded: 0 when none of them ran, None when one ran and nobody knows."""
    ran = [step for step in steps if step.kind == kind and step.executed]
    known = [fetched[step.key] for step in ran if step.key in fetched]
    return sum(known) if len(known) == len(ran) else None


def _names(run: RunFacts, trace: Trace) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(run.statuses or ()), *trace.images)))


def _image(name: str, run: RunFacts, trace: Trace, fetched: Mapping[str, int]) -> ImageRow:
    own = trace.of(name)
    counted = [step for step in own if step.counted]
    real = [step for step in own if step.kind != "internal" and step.intervals]
    return ImageRow(
        name=name,
        status=(run.statuses or {}).get(name) or _status(own),
        seconds=max(s.intervals[-1][1] for s in real) - min(s.intervals[0][0] for s in real) if real else 0.0,
        total=len(counted),
        cached=sum(step.cached for step in counted),
        sums=sums(trace.charged_to(name), fetched),
        shared=sum(step.images[0] != name for step in counted),
    )


def _status(own: Sequence[Step]) -> str:
    """Return how an image ended as far as its steps tell."""
    states = {state(step) for step in own}
    for word in ("failed", "cancelled"):
        if word in states:
            return word
    return "unknown"


def _step_row(step: Step, trace: Trace, fetched: Mapping[str, int], on_path: set[str]) -> StepRow:
    return StepRow(
        key=step.key,
        title=brief(step.title) or step.title,
        kind=step.kind,
        images=step.images,
        state=state(step),
        seconds=step.seconds,
        spans=tuple((start - trace.began, end - trace.began) for start, end in step.intervals),
        moved=step.moved,
        downloaded=fetched.get(step.key),
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
    sizes: tuple[Mapping[str, int] | None, Mapping[str, int] | None],
    judged: Sequence[Verdict],
) -> CacheRow:
    worst = min(judged, key=lambda verdict: CACHE_STATES.index(verdict.state), default=None)
    before, after = (None if found is None else found.get(name, 0) for found in sizes)
    if worst is None:
        return CacheRow(name, images, before, after)
    return CacheRow(name, images, before, after, worst.state, worst.reason, worst.fix)


def _sizes(usage: Sequence[Usage] | None) -> dict[str, int] | None:
    """Return bytes by id; an id that is used with several owners has a mount for each."""
    if usage is None:
        return None
    found: dict[str, int] = defaultdict(int)
    for mount in usage:
        found[_name(mount.id)] += mount.size
    return dict(found)


def _name(mount: str) -> str:
    return mount.lstrip("/")
