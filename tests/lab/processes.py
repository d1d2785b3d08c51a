"""Finding and ending this lab's processes, and only those, also when the one that started them is long gone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .shell import LabError, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .layout import Layout

PROGRAMS = {"dockerd", "containerd", "containerd-shim-runc-v2", "docker-registry", "runc"}
SERVERS = {"dockerd", "docker-registry"}  # the two that we start; they end the others when they end well


class Process(NamedTuple):
    """A running process of the lab; `program` is empty for one inside a container."""

    pid: int
    program: str


def of(layout: Layout) -> list[Process]:
    """Return the lab's daemons (their command lines name its directories) and all that runs in its cgroup."""
    return list(_scan(layout))


def _scan(layout: Layout) -> Iterator[Process]:
    directories = (f"{layout.runtime}/", f"{layout.data}/")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            argv = (entry / "cmdline").read_text(errors="replace").split("\0")
            groups = (entry / "cgroup").read_text()
        except OSError:  # it has just ended
            continue
        program = os.path.basename(argv[0])  # noqa: PTH119 - a command line, not necessarily a path
        if program in PROGRAMS and any(directory in arg for arg in argv for directory in directories):
            yield Process(int(entry.name), program)
        elif argv[0] and f"/{layout.name}" in groups:
            yield Process(int(entry.name), "")


def find(layout: Layout, program: str) -> int | None:
    """Pid of the lab's dockerd or docker-registry; None when it does not run."""
    return next((process.pid for process in of(layout) if process.program == program), None)


def stop_all(layout: Layout, patience: float = 20) -> None:
    """Ask the daemons to end, give them some seconds, then kill whatever is left, containers included."""
    for process in of(layout):
        if process.program in SERVERS:
            _send(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := of(layout)) and time.monotonic() < deadline and SERVERS & {p.program for p in left}:
        time.sleep(0.05)
    if stubborn := [f"{p.program} ({p.pid})" for p in left if p.program in SERVERS]:
        say(f"killing what did not end within {patience:.0f} s: {', '.join(stubborn)}")
    deadline = time.monotonic() + 10
    while left := of(layout):
        if time.monotonic() > deadline:
            raise LabError(
                "the engine did not stop",
                f"these processes outlive SIGKILL: {', '.join(str(p.pid) for p in left)}",
                "they wait for the kernel (disk or network file system): look at their /proc/PID/stack",
            )
        for process in left:
            _send(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
