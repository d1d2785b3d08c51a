"""Real builds whose cache mounts do not work, each for a reason of its own, and healthy ones: what is said of them."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakegen.build import BuildRequest, build
from bakegen.engine.client import docker_command
from bakegen.engine.du import cache_mounts
from bakegen.engine.prune import prune
from bakegen.family import Defaults
from bakegen.trace.fold import trace
from bakegen.verdicts.environment import Source, environments
from bakegen.verdicts.judge import verdicts
from bakegen.verdicts.model import Verdict
from tests import lab, package_index
from tests.support import bakegen, write_project
from tests.test_zero_downloads import BASIS, MANIFEST, Index

pytestmark = pytest.mark.engine

SLIM = "python:3.11-slim"
BAKE = Path("docker-bake.json")
PIP = "RUN --mount=type=cache,id=RUN-NAME,target=/root/.cache/pip "
APT = (
    "RUN --mount=type=cache,id=RUN-NAME-archives,target=/var/cache/apt,sharing=locked"
    " --mount=type=cache,id=RUN-NAME-lists,target=/var/lib/apt/lists,sharing=locked "
)
KEEP = (
    "rm -f /etc/apt/apt.conf.d/docker-clean"
    " && echo 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";' > /etc/apt/apt.conf.d/keep-cache && "
)
UV = "RUN --mount=type=cache,id=RUN-NAME,target=/root/.cache/uv uv pip install --default-index $IDX --target /t "


@dataclass(frozen=True)
class Provoked:
    """A Dockerfile that breaks its mount, and what must be said of it, by the end of the mount's id."""

    steps: tuple[str, ...]
    state: str
    reason: str
    fix: str
    mount: str = ""
    parent: str = "tools"


PROVOKED = {
    "inherited": Provoked(
        (PIP + "pip install --index-url $IDX alpha",),
        "bypassed",
        "PIP_NO_CACHE_DIR=1 is set by ENV in parent/Dockerfile:2",
        "remove PIP_NO_CACHE_DIR",
        parent="parent",
    ),
    "flag": Provoked(
        (PIP + "python -m pip install --no-cache-dir --index-url $IDX alpha",),
        "bypassed",
        "--no-cache-dir on the command",
        "remove --no-cache-dir from the command",
    ),
    "uv-variable": Provoked(
        ("ARG UV_NO_CACHE=1", UV + "beta"),
        "bypassed",
        "UV_NO_CACHE=1 is set by ARG in uv-variable/Dockerfile:2",
        "remove UV_NO_CACHE",
    ),
    "elsewhere": Provoked(
        ("RUN --mount=type=cache,id=RUN-NAME,target=/pip-cache pip install --index-url $IDX beta",),
        "not stored",
        "pip keeps its cache in /root/.cache/pip, the mount is at /pip-cache",
        "target=/root/.cache/pip",
    ),
    "home": Provoked(
        ("RUN useradd --create-home app", "USER app", PIP + "pip install --target /tmp/t --index-url $IDX beta"),
        "not stored",
        "pip runs as app, whose cache is in a home of its own",
        "of app",
    ),
    "docker-clean": Provoked(
        (APT + "apt-get update && apt-get install --yes --no-install-recommends bc",),
        "not stored",
        "/etc/apt/apt.conf.d/docker-clean",
        "rm -f /etc/apt/apt.conf.d/docker-clean",
        "archives",
    ),
    "lists-removed": Provoked(
        (APT + KEEP + "apt-get update && apt-get install --yes bc && rm -rf /var/lib/apt/lists/*",),
        "not stored",
        "the same RUN removes /var/lib/apt/lists",
        "do not remove /var/lib/apt/lists",
        "lists",
    ),
    "no-store": Provoked(
        (PIP + "pip install --index-url $IDX beta",), "not stored", "the index forbids HTTP caching", "--find-links"
    ),
    "heredoc": Provoked(
        (PIP + "<<EOF\nset -e\npip install --index-url $IDX beta\nEOF",),
        "not stored",
        "the index forbids HTTP caching",
        "--find-links",
    ),
    "owner": Provoked(
        (
            "RUN useradd --create-home app",
            "USER app",
            "RUN --mount=type=cache,id=RUN-NAME,target=/home/app/.cache/pip pip install --target /tmp/t --index-url $IDX beta",
        ),
        "not stored",
        "belongs to another user",
        "uid=",
    ),
}


@pytest.fixture(scope="module")
def slim(engine: lab.Engine) -> str:
    return engine.substitutions.get(SLIM, SLIM)


@pytest.fixture(scope="module")
def docker(engine: lab.Engine) -> Iterator[tuple[str, ...]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.env.items():
            patch.setenv(name, value)
        yield docker_command()


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, engine: lab.Engine, docker_env: dict[str, str], slim: str
) -> Iterator[Index]:
    """Start an index that forbids caching, and stop it afterwards."""
    wheels = tmp_path_factory.mktemp("wheels")
    for name, data in (
        package_index.wheel("alpha", "1.0", ("beta>=1",)),
        package_index.wheel("beta", "1.5", size=1_500_000),
        package_index.wheel("gamma", "2.0", ("alpha",)),
    ):
        (wheels / name).write_bytes(data)
    pip = f"pip=={Defaults().pip}"
    wheels.chmod(0o777)
    found = Index(str(engine.docker), docker_env, wheels, slim)
    found._run("run", "--rm", f"--volume={wheels}:/w", slim, "pip", "download", "-q", "--no-deps", "-d", "/w", pip)
    found.stop()
    found = Index(str(engine.docker), docker_env, wheels, slim)
    yield found
    found.stop()


def judged(run: Path, before: Any, docker: tuple[str, ...], sources: Mapping[str, Source]) -> tuple[Verdict, ...]:  # noqa: ANN401
    """Return the verdicts of a run that has just ended."""
    after = cache_mounts(docker)
    with (run / "events.ndjson").open("rb") as lines:
        return verdicts(trace(lines), before, after, environments(sources, {}))


def undisturbed(attempt: Callable[[], tuple[Verdict, ...]]) -> tuple[Verdict, ...]:
    """Return what an attempt gives, made again if the engine dropped a mount meanwhile: it may be shared, and full."""
    for _ in range(3):
        found = attempt()
        if not any("the engine dropped" in verdict.reason for verdict in found):
            break
    return found


class Family:
    """Dockerfiles on disk, each an image, linked to their parents in the bake file."""

    def __init__(self, root: Path, base: str, index: Index) -> None:
        """Start with an image that has uv and knows the index."""
        self.root, self.base, self.run = root, base, f"verdicts-{uuid.uuid4().hex[:12]}"
        self.sources: dict[str, Source] = {}
        self.targets: dict[str, dict[str, Any]] = {}
        self.add("tools", f"RUN pip install --quiet uv=={Defaults().uv}")
        self.add("here", f"ENV IDX={index.url}/simple PIP_TRUSTED_HOST={index.host} MARK={self.run}", parent="tools")

    def add(self, name: str, *steps: str, parent: str = "") -> None:
        """Write an image."""
        start = f"{parent}:1" if parent else self.base
        text = "\n".join([f"FROM {start}", *steps, ""]).replace("RUN-NAME", f"{self.run}-{name}")
        write_project(self.root, "", {f"{name}/Dockerfile": text})
        self.sources[name] = Source(f"{name}/Dockerfile", text, parents={start: parent} if parent else {})
        contexts = {"contexts": {start: f"target:{parent}"}} if parent else {}
        self.targets[name] = {"context": name, **contexts}
        (self.root / BAKE).write_text(json.dumps({"target": self.targets}))

    def build(self, *names: str, docker: tuple[str, ...]) -> tuple[Verdict, ...]:
        """Build images into the cache and return the verdicts."""
        before = cache_mounts(docker)
        request = BuildRequest(names, self.root, (BAKE,), definition=self.targets, output="none")
        return judged(build(request).directory, before, docker, self.sources)


@pytest.fixture(scope="module")
def provoked(
    tmp_path_factory: pytest.TempPathFactory, slim: str, docker: tuple[str, ...], index: Index
) -> tuple[Verdict, ...]:
    """Build all that is broken, at once, and return what is said of it."""

    def attempt() -> tuple[Verdict, ...]:
        family = Family(tmp_path_factory.mktemp("provoked"), slim, index)
        family.add("parent", "ENV PIP_NO_CACHE_DIR=1", parent="here")
        for name, case in PROVOKED.items():
            family.add(name, *case.steps, parent="parent" if case.parent == "parent" else "here")
        return family.build(*PROVOKED, docker=docker)

    return undisturbed(attempt)


@pytest.mark.parametrize("name", PROVOKED)
def test_a_cache_that_does_not_work(name: str, provoked: tuple[Verdict, ...]) -> None:
    case = PROVOKED[name]
    own = [verdict for verdict in provoked if verdict.image == name]
    broken = [verdict for verdict in own if verdict.complains]
    assert [verdict.cache.id.endswith(case.mount) for verdict in broken] == [True], own
    assert broken[0].state == case.state, broken
    assert case.reason in broken[0].reason
    assert case.fix in broken[0].fix
    assert {verdict.state for verdict in own if verdict not in broken} <= {"cold"}


def test_an_id_that_changed(tmp_path: Path, slim: str, docker: tuple[str, ...], index: Index) -> None:
    def attempt() -> tuple[Verdict, ...]:
        family = Family(tmp_path, slim, index)
        family.add("old", UV + "beta", parent="here")
        cold = family.build("old", docker=docker)
        family.add("new", UV.replace("/t ", "/t2 ") + "beta", parent="here")
        return (*cold, *family.build("new", docker=docker))

    old, new = undisturbed(attempt)
    assert (old.state, new.state) == ("cold", "cold")
    assert old.cache.id in new.reason
    assert "its id may have changed" in new.reason


def test_a_mount_that_the_engine_drops(tmp_path: Path, slim: str, docker: tuple[str, ...], index: Index) -> None:
    """Garbage collection takes a mount while the same build goes on: here it is one record, removed as the engine would."""
    family = Family(tmp_path, slim, index)
    family.add("dropped", UV + "beta", "RUN sleep 25", parent="here")
    name, done = f"{family.run}-dropped", threading.Event()

    def drop() -> None:
        while not done.wait(0.5):
            found = [mount for mount in cache_mounts(docker) if mount.id == name]
            if any(mount.size > 1_000_000 and mount.reclaimable for mount in found):
                prune(docker, [mount.record for mount in found])
                return

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        found = family.build("dropped", docker=docker)
    finally:
        done.set()
        thread.join()
    (verdict,) = [verdict for verdict in found if verdict.cache.id == name]
    assert verdict.complains
    assert f"the engine dropped the mount {name} in this run" in verdict.reason
    assert "builder.gc" in verdict.fix


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_generated_family_has_nothing_to_repair(
    installer: str,
    tmp_path: Path,
    slim: str,
    docker: tuple[str, ...],
    index: Index,
) -> None:
    run = f"verdicts-{uuid.uuid4().hex[:12]}"
    manifest = MANIFEST.format(installer=installer, url=index.url, run=run)
    files = {
        "basis/Dockerfile": BASIS.format(url=index.url, host=index.host, run=run),
        "parent.txt": "alpha\n",
        "child.txt": "gamma\n",
    }
    root = write_project(tmp_path, manifest, files)

    held: set[str] = set()

    def builds(*words: str) -> tuple[Verdict, ...]:
        before = cache_mounts(docker)
        held.clear()
        held.update(mount.id for mount in before if mount.size)
        done = bakegen("build", "zero-child", "--no-output", f"--base=python={slim}", *words, cwd=root, env=os.environ)
        assert done.returncode == 0, done.stderr
        names = {"zero-basis": "basis", "zero-parent": "docker/zero-parent", "zero-child": "docker/zero-child"}
        sources = {
            name: Source(f"{path}/Dockerfile", (root / path / "Dockerfile").read_text())
            for name, path in names.items()
            if (root / path / "Dockerfile").exists()
        }
        newest = max((root / ".bakegen" / "runs").iterdir())
        return judged(newest, before, docker, sources)

    rerun = ("--fresh=zero-parent", "--fresh=zero-child")
    words = iter(((), rerun, rerun))
    cold = undisturbed(lambda: builds(*next(words)))
    own = [verdict for verdict in cold if run in verdict.cache.id]
    assert len(own) >= 4
    assert not [verdict for verdict in cold if verdict.complains]
    assert {verdict.state for verdict in own} <= {"cold", "working"}
    assert any(verdict.state == "cold" for verdict in own), own

    for _ in range(3):  # an engine that is shared, and full, may drop mounts between two builds
        fresh = builds(*rerun)
        own = [verdict for verdict in fresh if run in verdict.cache.id]
        if {verdict.cache.id for verdict in own} <= held:
            break
    assert len(own) >= 4
    assert {verdict.state for verdict in own} == {"working"}, own
