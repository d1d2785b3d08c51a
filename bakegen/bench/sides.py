"""The sides of a bench: bakegen, the generated baselines, and scripts of the user's. Each builds in a copy of its own."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bakegen.bench.baselines import Setting, commands, dockerfiles
from bakegen.bench.model import BASELINES, OURS, Sample
from bakegen.engine.process import Process
from bakegen.errors import Cancelled
from bakegen.project import load

if TYPE_CHECKING:
    from bakegen.plan import Plan

_TICK = 0.2  # seconds between two looks at the wish to stop
_TAIL = 30  # lines of a failing build that are shown
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class State:
    """What one side has built on: bases and a namespace for cache mounts that are its own."""

    word: str
    bases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """What a timed command left: seconds, all lines of its progress, and the end of its log when it failed."""

    seconds: float
    lines: tuple[bytes, ...]
    error: str = ""


class Side(Protocol):
    """One way to build the family."""

    name: str
    root: Path

    @property
    def keeps(self) -> bool:
        """Whether its builds may keep wheels for the next ones."""

    def build(self, state: State, scenario: str, number: int) -> Output:
        """Build all images once and return what that took."""


@dataclass(frozen=True, slots=True)
class Common:
    """What all sides share: ``manifest`` is a file's name, ``stop`` returns whether the user wants to stop."""

    docker: tuple[str, ...]
    id: str
    manifest: str
    names: tuple[str, ...]
    selection: tuple[str, ...]
    sets: tuple[str, ...]
    stop: Callable[[], bool]


@dataclass(slots=True)
class Ours:
    """`bakegen build`, as a user types it; its tags go to a registry name of the bench."""

    common: Common
    root: Path
    name: str = OURS
    keeps: bool = True

    def build(self, state: State, scenario: str, number: int) -> Output:  # noqa: ARG002 - the protocol's
        """Run `bakegen build` and read the record of the run."""
        words = ["build", *self.common.selection, "--file", self.common.manifest]
        words += [word for name, ref in state.bases.items() for word in ("--base", f"{name}={ref}")]
        for value in (*self.common.sets, f"*.args.BUILDKIT_CACHE_MOUNT_NS={state.word}"):
            words += ["--set", value]
        env = {**os.environ, "REGISTRY": f"{self.common.id}/{self.name}"}
        done = timed([[sys.executable, "-m", "bakegen", *words]], self.root, env, self.common.stop)
        runs = sorted((self.root / ".bakegen" / "runs").glob("*/events.ndjson"), key=lambda path: path.stat().st_mtime)
        lines = tuple(runs[-1].read_bytes().splitlines()) if runs else ()
        return replace(done, lines=lines)


@dataclass(slots=True)
class Baseline:
    """`docker build` for one image after the other, with Dockerfiles made from the plan of its copy as it is now.

    They are written anew before each build, untimed: some edits are of the manifest, and a hand would have made them in
    the Dockerfiles.
    """

    common: Common
    root: Path
    name: str

    @property
    def keeps(self) -> bool:
        """Whether its Dockerfiles have cache mounts."""
        return self.name != "plain"

    def build(self, state: State, scenario: str, number: int) -> Output:  # noqa: ARG002 - the protocol's
        """Build all images in turn."""
        setting = Setting(f"{self.common.id}/{self.name}", state.word, state.bases, self.common.sets)
        plan = load(self.root / self.common.manifest).plan()
        words = commands(plan, self.common.names, setting, self._written(plan))
        return timed([[*self.common.docker, *w] for w in words], self.root, dict(os.environ), self.common.stop)

    def _written(self, plan: Plan) -> dict[str, Path]:
        """Write the Dockerfiles beside the copy and return where each image's is."""
        directory = self.root.with_name(f"{self.root.name}-dockerfiles")
        directory.mkdir(exist_ok=True)
        files = {}
        for image, text in dockerfiles(plan, self.common.names, self.name).items():
            files[image] = directory / f"{image}.Dockerfile"
            files[image].write_text(text, encoding="utf-8", newline="\n")
        return files


@dataclass(slots=True)
class Script:
    """A shell script of the user's, run in the copied project."""

    common: Common
    root: Path
    name: str
    path: Path
    keeps: bool = True

    def build(self, state: State, scenario: str, number: int) -> Output:
        """Run the script with what it needs to know in its environment."""
        env = {
            **os.environ,
            "BENCH_ROUND": str(number),
            "BENCH_SCENARIO": scenario,
            "BENCH_PREFIX": f"{self.common.id}/{self.name}",
            "BENCH_NAMESPACE": state.word,
            **{f"BENCH_BASE_{_NAME.sub('_', name.lower()).upper()}": ref for name, ref in state.bases.items()},
        }
        return timed([["sh", str(self.path)]], self.root, env, self.common.stop)


def side_names(words: Sequence[str]) -> Iterator[tuple[str, Path | None]]:
    """Yield (name, script) for each ``--baseline``: ``plain``, ``phase1``, or a file, named after itself."""
    taken = {OURS, *BASELINES}
    for word in dict.fromkeys(words):
        if word in BASELINES:
            yield word, None
            continue
        stem = _NAME.sub("_", Path(word).stem.lower()).strip("_") or "script"
        name = next(n for n in (stem, *(f"{stem}_{k}" for k in range(2, 1000))) if n not in taken)
        taken.add(name)
        yield name, Path(word).resolve()


def make_side(name: str, script: Path | None, common: Common, root: Path) -> Side:
    """Return a side that builds in the copy at ``root``."""
    if script:
        return Script(common, root, name, script)
    if name == OURS:
        return Ours(common, root)
    return Baseline(common, root, name)


def timed(argvs: Sequence[Sequence[str]], cwd: Path, env: Mapping[str, str], stop: Callable[[], bool]) -> Output:
    """Run commands in turn until one fails; the time is that from the first one's start to the last one's end."""
    lines: list[bytes] = []
    begun = time.perf_counter()
    for argv in argvs:
        if stop():
            raise Cancelled("stopped")
        first = len(lines)
        with Process(argv, cwd=cwd, env=env) as process:
            for line in process.lines(_TICK):
                if stop():
                    raise Cancelled("stopped")
                if line is not None:
                    lines.append(line)
            returncode = process.wait()
        if returncode:
            return Output(time.perf_counter() - begun, tuple(lines), _tail(lines[first:], returncode))
    return Output(time.perf_counter() - begun, tuple(lines))


def _tail(lines: Sequence[bytes], returncode: int) -> str:
    """Return the last lines a person can read: those that are no JSON, or else what the steps printed."""
    from bakegen.bench.downloads import read_output

    text = [line.decode(errors="replace").rstrip() for line in lines if not line.startswith(b"{")]
    printed, _ = read_output(line for line in lines if line.startswith(b"{"))
    return "\n".join([*printed[-_TAIL:], *text[-_TAIL:]]) or f"exit code {returncode}"


def failed(output: Output) -> Sample:
    """Return the sample of a build that failed."""
    return Sample(output.seconds, error=output.error)
