"""One build from request to result: look at the engine, bake, keep the record, tell what went wrong."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bakegen.build.bakes import Work, bake_all
from bakegen.build.exports import Export, parse_exports, unchanged
from bakegen.build.facts import Facts
from bakegen.build.interrupts import stop_wishes
from bakegen.build.rundir import RunDirectory
from bakegen.build.settings import exporting, needs_builder, settings_file
from bakegen.build.tracker import Tracker
from bakegen.build.watch import Watch, record, result_of
from bakegen.build.waves import lineages, union
from bakegen.engine.allow import check_access
from bakegen.engine.bake import bake_print, cache_namespaces, parents
from bakegen.engine.client import docker_command
from bakegen.engine.images import start_tagged
from bakegen.engine.info import start_inspect
from bakegen.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from bakegen.build.model import BuildRequest, BuildResult, Display, Outcome
    from bakegen.engine.bake import Definition
    from bakegen.engine.info import Builder


@dataclass(frozen=True, slots=True)
class World:
    """What a build takes from outside, to be replaced in tests."""

    clock: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def build(  # noqa: PLR0913 - all but the request can be left out
    request: BuildRequest,
    *,
    display: Display | None = None,
    docker_cmd: Sequence[str] | None = None,
    builder: Future[Builder] | None = None,
    tagged: Future[dict[str, str]] | None = None,
    world: World | None = None,
    recorded: Callable[[Path], None] | None = None,
) -> BuildResult:
    """Build what is requested and return what came of it.

    ``builder`` and ``tagged`` are what ``engine.info.start_inspect`` and ``engine.images.start_tagged`` returned: asking
    takes 0.2 s, in which a caller who asks first can load and render. ``recorded`` is called with the run's directory when all is in it, however the run ended. Raises
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
        before = parse_exports(directory.earlier("result.json", "exports"))
        unpacks = found is not None and found.containerd_store
        tags = (tagged or start_tagged(docker)).result() if before and unpacks else {}
        there = unchanged(before, request.stamps, tags)
        whole = [name for name in there if request.stamps[name].whole] if needs_builder(request) else []
        work = Work(
            *(request, docker, definition, lineage, links, files, exported, watch, wish, world.clock, display),
            builder=found,
            facts=facts,
            unpacks=unpacks,
            there={name: export for name, export in there.items() if name in lineage},
            kept=exported & set(whole),
        )
        return _run(work, world.today(), before)


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


def _run(work: Work, started: datetime, before: Mapping[str, Export]) -> BuildResult:
    """Bake every wave; whatever ends that early, the display and the record say so before it is raised."""
    directory, tracker = work.watch.directory, work.watch.tracker
    directory.result({"id": directory.id, "status": "running", "started": started.isoformat()})
    outcome: Outcome = "failed"
    try:
        error = bake_all(work)
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
    exports = {name: export.as_json() for name, export in {**before, **_exports(work)}.items()}
    directory.result({**told, "cache_namespaces": cache_namespaces(work.definition), "exports": exports})
    if work.facts:
        sizes = directory.earlier("images.json", "images")
        known = {name: held for name, held in sizes.items() if name in work.there}
        work.facts.keep(directory, result, work.parents, known, tracker.mounted_since)
    if error:
        raise error
    return result


def _exports(work: Work) -> dict[str, Export]:
    """Return what this build has exported, of images whose stamp is known."""
    bases = tuple(sorted(work.watch.tracker.bases))
    return {
        name: Export(work.request.stamps[name].text, work.digests[name], bases)
        for name in work.handed
        if name in work.request.stamps and name in work.digests
    }
