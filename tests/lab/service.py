"""The lab as a whole: bring it up, take it down, find an engine to use."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import daemon, debs, host, locks, standins
from .layout import Layout
from .shell import LabError, run, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INDEX_URL = "https://pypi.org/simple"  # its torch 2.1.2 for Linux is the cu121 build
REDIRECTING = ("BUILDX_BUILDER", "BUILDX_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY")  # would lead away from the lab


@dataclass(frozen=True)
class Engine:
    """A Docker engine with buildx that tests can use."""

    docker: Path
    """The client."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Lay this over os.environ to talk to the engine; empty for the machine's own."""
    registry: str | None = None
    """host:port of a registry that the engine and this machine reach without TLS; None for the machine's own engine."""
    substitutions: Mapping[str, str] = field(default_factory=dict)
    """Base as written in FROM -> reference that `docker-image://` takes; empty where the real bases can be pulled."""
    index_url: str = INDEX_URL
    """Index to install torch from instead of PyTorch's own, which the lab's machine may not reach."""
    private: bool = False
    """Whether it is the lab's."""


def up(layout: Layout) -> bool:
    """Have the private engine running; return whether it had to be started. Safe to call from many processes."""
    host.check_root()
    with locks.held(layout.lock):
        if daemon.answers(layout):
            return False
        host.check(layout)
        with locks.held(layout.cache / "lock"):
            debs.fetch(layout)
            prepared = standins.prepare(layout)
            daemon.stop(layout)  # what an engine that crashed has left
            bases = standins.seed(layout, prepared)
        last = daemon.State.read(layout)
        daemon.start(layout, bases)
        if last and last.bases != bases:
            _forget_bases(layout)
    return True


def _forget_bases(layout: Layout) -> None:
    """Remove the copies that the engine pulled of earlier stand-ins: it would prefer them to the registry's."""
    client = describe(layout)
    for base in standins.BASES:
        succeeds([client.docker, "image", "rm", "--force", base], env=client.env)


def down(layout: Layout, *, force: bool = False) -> None:
    """Stop the engine and remove every trace of it outside the home; LabError while somebody uses it."""
    host.check_root()
    with locks.held(layout.lock):
        users = locks.acquire(layout.users, wait=False)
        if users is None and not force:
            raise LabError(
                "the engine is in use",
                f"another process holds {layout.users}",
                "wait until it ends (`lslocks` shows who it is), or stop it all the same with --force",
            )
        try:
            daemon.stop(layout)
            _stop_abandoned(layout)
        finally:
            if users is not None:
                os.close(users)


def _stop_abandoned(layout: Layout) -> None:
    """Stop what an `up` that was killed while it built the stand-ins has left running; not one that still runs."""
    if not layout.cache.is_dir():
        return
    lock = locks.acquire(layout.cache / "lock", wait=False)
    if lock is not None:
        standins.abandon(layout)
        os.close(lock)


def reset(layout: Layout, *, force: bool = False, everything: bool = False) -> None:
    """Stop the engine and delete its data; downloads and stand-ins only when everything is to go."""
    down(layout, force=force)
    with locks.held(layout.lock):
        layout.state.unlink(missing_ok=True)
        doomed = [layout.data, layout.registry_data, layout.logs, layout.docker_config]
        if everything and layout.cache.is_relative_to(layout.home):
            doomed.append(layout.cache)  # a cache elsewhere may serve other labs
        for path in doomed:
            shutil.rmtree(path, ignore_errors=True)


def describe(layout: Layout) -> Engine:
    """Return the private engine, which must be up."""
    state = daemon.State.read(layout)
    if state is None or not daemon.answers(layout):
        raise LabError("the lab is down", f"no engine answers on {layout.socket}", "run `python -m tests.lab up`")
    registry = f"127.0.0.1:{state.registry_port}"
    env = {name: "" for name in REDIRECTING if name in os.environ}
    env["DOCKER_HOST"] = f"unix://{layout.socket}"
    env["DOCKER_CONFIG"] = str(layout.docker_config)
    env["PATH"] = _prepend(str(layout.client_bin), os.environ.get("PATH", os.defpath))
    return Engine(
        docker=layout.client_bin / "docker",
        env=env,
        registry=registry,
        substitutions={base: f"{registry}/{reference}" for base, reference in state.bases.items()},
        index_url=os.environ.get("PIP_INDEX_URL") or INDEX_URL,
        private=True,
    )


def find_engine() -> Engine | None:
    """Return an engine that runs now: the machine's own if it can serve the tests' bases, else the lab's, else None.

    BAKEGEN_LAB=private passes the machine's own engine over.
    """
    layout = Layout.from_environment()
    ours = os.environ.get("DOCKER_HOST") == f"unix://{layout.socket}"
    if not ours and os.environ.get("BAKEGEN_LAB") != "private" and (own := _machine_engine()):
        return own
    return describe(layout) if daemon.answers(layout) else None


@contextmanager
def engine() -> Iterator[Engine]:
    """Use an engine for the length of a block; bring the private one up when there is no other.

    The private engine is held against `down` meanwhile. At the end it is stopped if this call started it and nobody
    else holds it.
    """
    found = find_engine()
    if found and not found.private:
        yield found
        return
    layout = Layout.from_environment()
    started = False
    hold = locks.acquire(layout.users, shared=True)
    try:
        started = up(layout)
        yield describe(layout)
    finally:
        if hold is not None:
            os.close(hold)
        if started:
            _stop_if_unused(layout)


def hold_for_exec(layout: Layout) -> None:
    """Hold the engine until this process ends, also when it becomes another program."""
    hold = locks.acquire(layout.users, shared=True)
    if hold is not None:
        os.set_inheritable(hold, True)


def _stop_if_unused(layout: Layout) -> None:
    users = locks.acquire(layout.users, wait=False)
    if users is None:
        return
    try:
        with locks.held(layout.lock):
            daemon.stop(layout)
    finally:
        os.close(users)


def _machine_engine() -> Engine | None:
    """Return the machine's own engine if it answers, has buildx, and has or can pull the tests' CPU base."""
    docker = shutil.which("docker")
    if docker is None or not succeeds([docker, "info", "--format", "{{.ServerVersion}}"], timeout=20):
        return None
    base = next(iter(standins.BASES))
    usable = succeeds([docker, "buildx", "version"]) and (
        succeeds([docker, "image", "inspect", base])
        or succeeds([docker, "buildx", "imagetools", "inspect", base], timeout=30)
    )
    return Engine(docker=Path(docker)) if usable else None


def _prepend(directory: str, path: str) -> str:
    """Put a directory in front of a PATH, once."""
    return ":".join([directory, *(part for part in path.split(":") if part != directory)])


def disk_usage(layout: Layout) -> str:
    """Size of the lab's home as `du` prints it."""
    return run(["du", "-shx", layout.home], what="cannot measure the lab's home").split()[0]
