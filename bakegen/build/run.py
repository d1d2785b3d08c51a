"""One build from request to result: look at the engine, bake wave by wave, keep the record, tell what went wrong."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bakegen.build.exports import first_exports
from bakegen.build.facts import Facts
from bakegen.build.failure import Wreck, failure_error
from bakegen.build.interrupts import stop_wishes
from bakegen.build.rundir import RunDirectory
from bakegen.build.settings import CACHE_ONLY, exporting, needs_builder, settings_file
from bakegen.build.tracker import Tracker
from bakegen.build.watch import Watch, record, result_of
from bakegen.build.waves import lineages, union, waves
from bakegen.engine.allow import check_access
from bakegen.engine.bake import BakeRequest, bake, bake_print, cache_namespaces, override_file, parents
from bakegen.engine.client import docker_command
from bakegen.engine.info import start_inspect
from bakegen.errors import BuildFailed, Cancelled, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from bakegen.build.interrupts import Wish
    from bakegen.build.model import BuildRequest, BuildResult, Display, Outcome
    from bakegen.engine.bake import Definition
    from bakegen.engine.info import Builder
    from bakegen.errors import BakegenError

TICK = 0.1  # seconds between two looks at the images; the display and a wish to stop are never later than that
GRACE = 5.0  # seconds that a cancelled bake gets before it is ended


@dataclass(frozen=True, slots=True)
class World:
    """What a build takes from outside, to be replaced in tests."""

    clock: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True)
class _Work:
    """What all bakes of one build have in common.

    ``lineage`` is each target's ancestors and itself. Of the ``exported`` targets those in ``first`` are exported before
    the others; the others are built meanwhile all the same. ``before`` are the stamps of what was exported earlier,
    ``sizes`` the layers of those among them whose stamp is the same now.
    """

    request: BuildRequest
    docker: tuple[str, ...]
    definition: Definition
    lineage: Mapping[str, frozenset[str]]
    parents: Mapping[str, tuple[str, ...]]
    files: tuple[Path, ...]
    exported: frozenset[str]
    first: frozenset[str]
    watch: Watch
    wish: Wish
    clock: Callable[[], float]
    display: Display | None
    builder: Builder | None = None
    facts: Facts | None = None
    before: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, object] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


def build(  # noqa: PLR0913 - all but the request can be left out
    request: BuildRequest,
    *,
    display: Display | None = None,
    docker_cmd: Sequence[str] | None = None,
    builder: Future[Builder] | None = None,
    world: World | None = None,
    recorded: Callable[[Path], None] | None = None,
) -> BuildResult:
    """Build what is requested and return what came of it.

    ``builder`` is what ``engine.info.start_inspect`` returned: asking takes 0.2 s, in which a caller who asks first can
    load and render. ``recorded`` is called with the run's directory when all is in it, however the run ended. Raises
    UsageError for access that was not granted, EngineError when docker, buildx or the engine cannot do it, BuildFailed
    when an image does not build, FilesError when the run cannot be recorded, and Cancelled after Ctrl-C.
    """
    world = world or World()
    docker = tuple(docker_cmd or docker_command())
    facts = Facts(docker, request.builder) if builder or needs_builder(request) else None
    try:
        asked = builder or (start_inspect(docker, request.builder) if needs_builder(request) else None)
        definition = _definition(request, docker)
        check_access(definition, request.root, request.allow, world.env)
        found = asked.result() if asked else None
    except KeyboardInterrupt:
        raise Cancelled("stopped before anything was built") from None
    links = parents(definition)
    lineage = lineages({name: links.get(name, ()) for name in (*request.targets, *links)})
    with _told(recorded) as places, stop_wishes() as wish, RunDirectory(request.root, world.today()) as directory:
        places.append(directory.path)
        settings = settings_file(request, definition, found)
        extra = (directory.text("override.json", settings),) if settings else ()
        exported = exporting(request, definition, found)
        files = (*request.files, *extra)
        watch = Watch(_tracker(request, lineage, exported, world.clock()), directory)
        before = directory.earlier("result.json", "stamps")
        there = {name for name, stamp in request.stamps.items() if before.get(name) == stamp}
        new = {name: line - there for name, line in lineage.items()}
        first = first_exports(exported - there, new) if found and found.holds_zstd else frozenset[str]()
        work = _Work(
            *(request, docker, definition, lineage, links, files, exported, first, watch, wish, world.clock, display),
            builder=found,
            facts=facts,
            before=before,
            sizes={name: held for name, held in directory.earlier("images.json", "images").items() if name in there},
        )
        return _run(work, world.today())


@contextmanager
def _told(recorded: Callable[[Path], None] | None) -> Iterator[list[Path]]:
    """Give a list for the directory of the run, and call ``recorded`` with it in the end."""
    places: list[Path] = []
    try:
        yield places
    finally:
        if recorded is not None:
            for place in places:
                recorded(place)


def _tracker(
    request: BuildRequest, lineage: Mapping[str, frozenset[str]], exported: frozenset[str], now: float
) -> Tracker:
    """Return the tracker of all images that the build solves."""
    solved = union(request.targets, lineage)
    ancestors = {name: line - {name} for name, line in lineage.items()}
    return Tracker([name for name in lineage if name in solved], ancestors, request.targets, exported, now)


def _definition(request: BuildRequest, docker: tuple[str, ...]) -> Definition:
    """Return the bake targets that will be solved, as the caller knows them or as buildx reads them."""
    if request.definition is not None:
        return request.definition
    printed = bake_print(request.files, request.targets, request.root, docker, request.sets)
    targets: Definition = printed.get("target") or {}
    return targets


def _run(work: _Work, started: datetime) -> BuildResult:
    """Bake every wave; whatever ends that early, the display and the record say so before it is raised."""
    directory, tracker = work.watch.directory, work.watch.tracker
    directory.result({"id": directory.id, "status": "running", "started": started.isoformat()})
    outcome: Outcome = "failed"
    try:
        error = _bake_all(work)
        outcome = "cancelled" if isinstance(error, Cancelled) else "failed" if error else "built"
    finally:
        if outcome != "built":
            tracker.end(union(work.request.targets, work.lineage), outcome)
        snapshot = tracker.snapshot(work.clock())
        if work.display:
            work.display.close(snapshot, outcome)
    result = replace(result_of(snapshot, directory, outcome, work.digests), warnings=tuple(tracker.warnings))
    ran = any(image.cached < image.steps for image in result.images)
    cpus = work.facts.cpus(work.builder, ran=ran) if work.facts else None
    told = record(result, started.isoformat(), work.request, work.parents, cpus)
    names = union(work.exported, work.lineage) if outcome == "built" else ()  # parents are taken in with their children
    stamps = {**work.before, **{name: stamp for name, stamp in work.request.stamps.items() if name in names}}
    directory.result({**told, "cache_namespaces": cache_namespaces(work.definition), "stamps": stamps})
    if work.facts:
        work.facts.keep(directory, result, work.parents, work.sizes, mounted=tracker.mounted)
    if error:
        raise error
    return result


class _JobsLost(BuildFailed):
    """BuildKit lost track of the jobs: too many at once for how busy the engine is. No step has failed."""


def _bake_all(work: _Work) -> BakegenError | None:
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


def _bake_wave(work: _Work, wave: tuple[str, ...], number: int) -> BakegenError | None:
    """Bake one wave; where the engine would unpack shared layers many times over, export in two bakes."""
    later = tuple(name for name in wave if name in work.exported - work.first) if work.first & set(wave) else ()
    if not later:
        return _bake(work, wave, str(number))
    postponed = work.watch.directory.text(
        f"override-{number}.json", override_file(outputs=dict.fromkeys(later, CACHE_ONLY))
    )
    error = _bake(work, wave, f"{number}-first", files=(*work.files, postponed), unfinished=frozenset(later))
    return error or (_stopped(work) if work.wish.count else _bake(work, later, str(number)))


def _bake(
    work: _Work,
    wave: tuple[str, ...],
    label: str,
    *,
    files: tuple[Path, ...] = (),
    unfinished: frozenset[str] = frozenset(),
) -> BakegenError | None:
    """Bake targets to their end and return what went wrong, if anything; the ``unfinished`` are baked once more later."""
    request, tracker = work.request, work.watch.tracker
    solved = union(wave, work.lineage)
    metadata = work.watch.directory.path / f"metadata-{label}.json"
    tracker.begin(solved)
    work.watch.directory.mark(label, wave, [name for name in work.lineage if name in solved], work.parents)
    text, returncode = _follow(
        work,
        BakeRequest(
            targets=wave,
            files=files or work.files,
            cwd=request.root,
            builder=request.builder,
            output=request.output,
            sets=request.sets,
            allow=request.allow,
            metadata_file=metadata,
        ),
    )
    work.watch.directory.close_logs()
    if returncode and work.wish.count:
        return _stopped(work)
    if returncode:
        wreck = Wreck(tracker.failures(), text, solved)
        error = failure_error(wreck, work.definition, work.watch.tail, work.watch.log_path)
        return _JobsLost(*error.problems) if wreck.jobs_lost else error
    tracker.end(solved - unfinished, "built")
    work.digests.update(_digests(metadata))
    return None


def _follow(work: _Work, request: BakeRequest) -> tuple[str, int]:
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


def _stopped(work: _Work) -> Cancelled:
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
