"""A small build of bakegen's own beside the family's: a Dockerfile in a directory, an output, nothing kept in memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bakegen.engine.du import CACHE_MOUNT, records
from bakegen.engine.failures import explain
from bakegen.engine.process import Process
from bakegen.engine.prune import prune

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TICK = 0.5  # seconds
_REMEMBERED = 40  # lines of a failed build


def side_build(  # noqa: PLR0913 - what a build is told
    docker_cmd: Sequence[str],
    directory: Path,
    output: str,
    *,
    contexts: Mapping[str, Path] | None = None,
    builder: str | None = None,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Build the Dockerfile in ``directory``; ``tick`` is called while it goes on, at least twice a second.

    Raises BuildFailed with the end of what the build printed, EngineError when the engine is at fault.
    """
    said: deque[str] = deque(maxlen=_REMEMBERED)
    named = [f"--build-context={name}={path}" for name, path in (contexts or {}).items()]
    chosen = (f"--builder={builder}",) if builder else ()
    flags = ("--progress=plain", "--provenance=false", f"--output={output}", *named, *chosen)
    with Process((*docker_cmd, "buildx", "build", *flags, str(directory))) as process:
        for line in process.lines(tick=TICK):
            tick()
            if line is not None:
                said.append(line.decode(errors="replace").rstrip())
        returncode = process.wait()
    if returncode:
        raise explain("\n".join(said))


def forget(docker_cmd: Sequence[str], token: str, builder: str | None = None) -> None:
    """Remove from the build cache whatever has ``token`` in its description: the remains of one side build.

    A token that nobody else can have makes this exact. What others build upon stays, by BuildKit's own rules; so do cache
    mounts, whose descriptions are of the step that made them.
    """
    before: set[str] = set()
    while True:  # what others of the remains are built upon goes only when those are gone
        found = (record for record in records(docker_cmd, builder) if record.type != CACHE_MOUNT)
        remains = {record.id for record in found if token in record.description}
        if not remains or remains == before:
            return
        before = remains
        prune(docker_cmd, sorted(remains), builder)
