"""The bakes of one build: wave after wave, in halves or in parts where the engine needs that, until done or stopped."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakegen.build.exports import first_exports
from bakegen.build.failure import Wreck, failure_error
from bakegen.build.settings import CACHE_ONLY
from bakegen.build.waves import union, waves
from bakegen.engine.bake import BakeRequest, bake, override_file
from bakegen.errors import BuildFailed, Cancelled, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bakegen.build.exports import Export
    from bakegen.build.facts import Facts
    from bakegen.build.interrupts import Wish
    from bakegen.build.model import BuildRequest, Display
    from bakegen.build.watch import Watch
    from bakegen.engine.bake import Definition
    from bakegen.engine.info import Builder
    from bakegen.errors import BakegenError

TICK = 0.1  # seconds between two looks at the images; the display and a wish to stop are never later than that
GRACE = 5.0  # seconds that a cancelled bake gets before it is ended


@dataclass(frozen=True, slots=True)
class Work:
    """What all bakes of one build have in common.

    ``lineage`` is each target's ancestors and itself. ``there`` are earlier exports of what has not changed since, as far as
    its files tell; those in ``kept`` are exported again only if a step ran after all. Of the other ``exported`` targets one
    of each shared line is exported before the rest where the engine ``unpacks`` layers. ``digests`` are those of the
    images that the engine or registry has now, ``handed`` those that this build has exported.
    """

    request: BuildRequest
    docker: tuple[str, ...]
    definition: Definition
    lineage: Mapping[str, frozenset[str]]
    parents: Mapping[str, tuple[str, ...]]
    files: tuple[Path, ...]
    exported: frozenset[str]
    watch: Watch
    wish: Wish
    clock: Callable[[], float]
    display: Display | None
    builder: Builder | None = None
    facts: Facts | None = None
    unpacks: bool = False
    there: Mapping[str, Export] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    digests: dict[str, str] = field(default_factory=dict)
    handed: set[str] = field(default_factory=set)


class _JobsLost(BuildFailed):
    """BuildKit lost track of the jobs: too many at once for how busy the engine is. No step has failed."""


def bake_all(work: Work) -> BakegenError | None:
    """Bake wave after wave until all are done or something goes wrong; return that.

    A wave that proves too large for the engine is baked again in halves; what it has finished is cached.
    """
    selected = [name for name in work.lineage if name in work.request.targets]
    left = deque(waves(selected, work.lineage))
    number = 0
    try:
        while left:
            wave, number = left.popleft(), number + 1
            error = _stopped(work) if work.wish.count else _bake_wave(work, wave, number)
            if isinstance(error, _JobsLost) and len(wave) > 1:
                work.watch.tracker.again(union(wave, work.lineage))
                middle = len(wave) // 2
                left.extendleft((wave[middle:], wave[:middle]))
            elif error:
                return error
    except KeyboardInterrupt:  # raised only where no handler could be set; the bake was stopped on the way here
        return _stopped(work)
    return None


def _bake_wave(work: Work, wave: tuple[str, ...], number: int) -> BakegenError | None:
    """Solve a wave, and export what the engine lacks of it.

    What it seems to have is only solved, and exported if that proves wrong. Further bakes are of what is exported later
    than the rest.
    """
    due = (work.exported - work.handed - work.kept) & set(wave)
    doubted = work.kept & set(wave)
    targets, part = wave, 1
    while True:
        now = _next_exports(work, due)
        label = str(number) if part == 1 else f"{number}-{part}"
        if error := _bake(work, targets, label, exports=now, unfinished=(due - now) | doubted):
            return error
        work.handed.update(now)
        changed = {name for name in doubted if _changed(work, name)}
        _keep(work, doubted - changed)
        due, doubted = (due - now) | changed, frozenset()
        if not due:
            return None
        if work.wish.count:
            return _stopped(work)
        targets, part = tuple(name for name in wave if name in due), part + 1


def _next_exports(work: Work, due: frozenset[str]) -> frozenset[str]:
    """Return which of the due images to export now: all, unless the engine would unpack shared layers many times over."""
    if not work.unpacks:
        return due
    ran = work.watch.tracker.ran
    held = union(work.handed.union(n for n in work.there if work.lineage[n].isdisjoint(ran)), work.lineage)
    return first_exports(due, {name: line - held for name, line in work.lineage.items()}) or due


def _changed(work: Work, name: str) -> bool:
    """Return whether an image has become another than the one that was exported before: a step ran, or a base moved."""
    tracker = work.watch.tracker
    return not work.lineage[name].isdisjoint(tracker.ran) or not tracker.bases <= {*work.there[name].bases} - {""}


def _keep(work: Work, names: frozenset[str]) -> None:
    """Take in that images are as the engine has them."""
    work.watch.tracker.end(names, "built")
    work.digests.update({name: work.there[name].digest for name in names})


def _bake(
    work: Work, targets: tuple[str, ...], label: str, *, exports: frozenset[str], unfinished: frozenset[str]
) -> BakegenError | None:
    """Bake targets to their end and return what went wrong, if anything; of the ``exported`` only ``exports`` are.

    The ``unfinished`` are not done with that.
    """
    request, tracker, directory = work.request, work.watch.tracker, work.watch.directory
    solved = union(targets, work.lineage)
    metadata = directory.path / f"metadata-{label}.json"
    files, only_solved = work.files, [name for name in targets if name in work.exported - exports]
    if only_solved:
        settings = override_file(outputs=dict.fromkeys(only_solved, CACHE_ONLY))
        files = (*files, directory.text(f"override-{label}.json", settings))
    tracker.begin(solved)
    directory.mark(label, targets, [name for name in work.lineage if name in solved], work.parents)
    text, returncode = _follow(
        work,
        BakeRequest(
            targets=targets,
            files=files,
            cwd=request.root,
            builder=request.builder,
            output=request.output,
            sets=request.sets,
            allow=request.allow,
            metadata_file=metadata,
        ),
    )
    directory.close_logs()
    if returncode and work.wish.count:
        return _stopped(work)
    if returncode:
        wreck = Wreck(tracker.failures(), text, solved)
        error = failure_error(wreck, work.definition, work.watch.tail, work.watch.log_path)
        return _JobsLost(*error.problems) if wreck.jobs_lost else error
    tracker.end(solved - unfinished, "built")
    work.digests.update(_digests(metadata))
    return None


def _follow(work: Work, request: BakeRequest) -> tuple[str, int]:
    """Run one bake, taking in what it reports; return the lines that were no progress, and the exit code."""
    text: list[str] = []
    wishes, shown, deadline = 0, 0.0, float("inf")
    with bake(request, work.docker) as process:
        for line in process.lines(TICK):
            now = work.clock()
            if line is not None and (words := work.watch.take(line, now)):
                text.append(words)
            if work.wish.count > wishes:
                wishes, deadline = work.wish.count, now + GRACE
                process.interrupt()
            elif now > deadline:
                process.kill()
            if now >= shown + TICK:
                shown = now
                work.watch.directory.flush()
                if work.display:
                    work.display.update(work.watch.tracker.snapshot(now))
        return "\n".join(text), process.wait()


def _stopped(work: Work) -> Cancelled:
    where = work.watch.directory.shown.as_posix()
    return Cancelled(
        Problem("stopped; the engine has cancelled the build", next=f"finished steps are cached; record: {where}")
    )


def _digests(metadata: Path) -> dict[str, str]:
    """Return the index digest of each target, from what `--metadata-file` holds after a bake that went well."""
    found: dict[str, str] = {}
    with suppress(OSError, ValueError):
        for name, values in json.loads(metadata.read_bytes()).items():
            if isinstance(values, dict) and "containerimage.digest" in values:
                found[name] = str(values["containerimage.digest"])
    return found
