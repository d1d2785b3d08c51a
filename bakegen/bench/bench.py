"""One bench from request to results: copies, sides, rounds, and nothing left behind."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakegen.bench.edits import copy_project
from bakegen.bench.model import OURS, SCENARIOS, Results
from bakegen.bench.record import check_same, merged
from bakegen.bench.room import Room
from bakegen.bench.run import Bench
from bakegen.bench.scenarios import Ground, choose, closure
from bakegen.bench.sides import Common, Side, make_side, side_names
from bakegen.build.interrupts import stop_wishes
from bakegen.build.options import Options, request
from bakegen.engine.info import EngineInfo, gather
from bakegen.errors import EngineError, Problem, UsageError
from bakegen.files import DiskTree

if TYPE_CHECKING:
    from bakegen.plan import Plan
    from bakegen.project import Project

#: A wheel of 5 kB without dependencies that hardly a family has: https://pypi.org/project/first/
PACKAGE = "first==2.0.2"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks of a bench."""

    selection: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ("plain", "phase1")
    rounds: int = 3
    bases: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    package: str = PACKAGE


@dataclass(frozen=True, slots=True)
class Earlier:
    """Results of before, and the file that they are in."""

    path: str
    results: Results


def bench(  # noqa: PLR0913, PLR0917 - the last two can be left out
    project: Project,
    wanted: Wanted,
    docker: tuple[str, ...],
    tell: Callable[[str], None],
    earlier: Earlier | None = None,
    save: Callable[[Results], None] = lambda _: None,
) -> Results:
    """Run the scenarios and return what was measured; ``tell`` gets a line for each thing that happens.

    The project is copied; its own files, tags and caches are left alone. What is returned goes on from ``earlier``; ``save``
    gets all that is known after each build, so that nothing is lost with the process. Raises
    UsageError for words that name nothing, and for earlier results of another machine or command, EngineError when there
    is no engine that builds into its own image store, FilesError when a copy cannot be made.
    """
    plan = project.plan()
    selection = plan.select(wanted.selection)
    request(plan, selection, project.root, Options(bases=wanted.bases, sets=wanted.sets), epoch="")  # checks the words
    names = closure(plan, selection)
    ground = Ground(plan, names, DiskTree(project.root), project.manifest.source, wanted.package)
    choices = choose(ground, wanted.scenarios or SCENARIOS)
    info = gather(docker, os.environ)
    _check(info, wanted)
    nothing = Results(machine(info), command(wanted), (), choices, {})
    if earlier:
        check_same(earlier.results, nothing, earlier.path)
    for choice in choices:
        tell(f"{choice.scenario}: {f'not applicable: {choice.why_not}' if choice.why_not else choice.text}")
    with stop_wishes() as wish, tempfile.TemporaryDirectory(prefix="bakegen-bench-") as scratch:
        manifest = Path(project.manifest.source.path).name
        room = Room(docker, f"bakegen-bench-{uuid.uuid4().hex[:12]}", Path(scratch))
        common = Common(docker, room.id, manifest, names, selection, wanted.sets, lambda: wish.count > 0)
        with _left_as_found(room, tell):
            sides = _sides(project, wanted, common, Path(scratch))
            todo = Bench(room, sides, choices, references(plan, names, wanted.bases), wanted.rounds, tell)

            def found() -> Results:
                new = replace(
                    nothing,
                    sides=tuple(side.name for side in sides),
                    samples={key: tuple(samples) for key, samples in todo.samples.items()},
                    errors=dict(todo.errors),
                    warnings=tuple(todo.warnings),
                    stopped=todo.stopped,
                )
                return merged(earlier.results, new) if earlier else new

            todo.measured = lambda: save(replace(found(), stopped=True))
            todo.run()
    return found()


def _check(info: EngineInfo, wanted: Wanted) -> None:
    """Refuse what cannot be measured before anything is copied."""
    if info.server_error or info.builder_error or not info.builder:
        raise EngineError(Problem(info.server_error or info.builder_error or "there is no builder"))
    if info.builder.driver != "docker":
        raise EngineError(
            Problem(
                f"the builder {info.builder.name} has the driver {info.builder.driver}, bench needs `docker`",
                why="baselines build on tags of the engine's own image store, which other drivers do not see",
                next="choose one for this command: BUILDX_BUILDER=default bakegen bench",
            )
        )
    for word in wanted.baselines:
        if word not in {"plain", "phase1"} and not Path(word).is_file():
            raise UsageError(Problem(f"--baseline {word}: no such file", next="plain, phase1, or a shell script"))


def _sides(project: Project, wanted: Wanted, common: Common, scratch: Path) -> list[Side]:
    """Return the sides, bakegen last, each with its own copy of the project."""
    found = []
    for name, script in (*side_names(wanted.baselines), (OURS, None)):
        root = copy_project(project.root, scratch / name)
        found.append(make_side(name, script, common, root))
    return found


@contextmanager
def _left_as_found(room: Room, tell: Callable[[str], None]) -> Iterator[None]:
    """Take out of the engine what the bench has put there, however it ends; further Ctrl-C do not cut that short."""
    try:
        yield
    finally:
        main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        try:
            tell("removing the bench's images and caches")
            room.drop_images()
            room.drop_cache([room.id])
        finally:
            if main:
                signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def references(plan: Plan, names: tuple[str, ...], words: tuple[str, ...]) -> dict[str, str]:
    """Return the reference of each base that these images use, by its name; ``--base NAME=REF`` goes first."""
    given = dict(word.split("=", 1) for word in words)
    used = set()
    for image in plan.images:
        if image.name in names:
            used |= {image.from_ref, image.uv_from, *(s.removeprefix("docker-image://") for _, s in image.redirects)}
    return {
        name: given.get(name, str(ref)) for name, ref in plan.bases.items() if {str(ref), str(ref.canonical)} & used
    }


def machine(info: EngineInfo) -> Mapping[str, object]:
    """Return what a reader needs to judge the figures; no names of hosts, no paths."""
    return {
        "cores": info.cpus,
        "memory": info.memory,
        "platform": info.platform,
        "engine": info.server,
        "buildx": info.buildx,
        "image_store": info.image_store,
    }


def command(wanted: Wanted) -> str:
    """Return the command line, without values that may name hosts."""
    words = ["bakegen bench", *wanted.selection, f"--rounds {wanted.rounds}"]
    words += [f"--scenario {name}" for name in wanted.scenarios]
    words += [f"--baseline {name if name in {'plain', 'phase1'} else 'FILE'}" for name in wanted.baselines]
    words += [f"--base {word.partition('=')[0]}=..." for word in wanted.bases]
    words += [f"--set {word.partition('=')[0]}=..." for word in wanted.sets]
    return " ".join(words)
