"""Removing records of BuildKit's cache, by their ids and nothing else.

`docker buildx prune --filter id=X` asks BuildKit for records whose id matches the *pattern* X (toBuildkitPruneInfo in
https://github.com/docker/buildx/blob/master/commands/prune.go writes ``id~=X``), so ids are anchored here. Without ``--all`` it would skip what shares a parent with an image.

A prune that removes anything can make BuildKit forget steps that it does not remove. Afterwards it looks whether the
results of all steps are still there, in a context that has ended by then (control/control.go, Prune, as of v0.25), and takes
an error for "no". It asks the content store, and so gets an error, for each layer of a base image that was unpacked in the
engine's image store before BuildKit first needed it (cache/refs.go, isLazy and unlazy). So the next build runs every step on
such a base again, in every project on that engine; cache mounts keep what they hold. Seen with Docker 28.5 and containerd's
image store, where a mere `docker pull` of the base is enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakegen.engine.du import PATIENCE
from bakegen.engine.failures import explain
from bakegen.engine.process import run
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

AT_ONCE = 100
_RECORD = re.compile(r"[a-z0-9]{10,64}")  # identity.NewID of BuildKit: 25 digits of base 36


def prune(docker_cmd: Sequence[str], records: Iterable[str], builder: str | None = None) -> None:
    """Remove these records; one that a step uses just now stays, as BuildKit says of itself, and is no error.

    Raises EngineError when the engine refuses, ValueError for what cannot be a record's id.
    """
    for some in _batches(tuple(records)):
        done = run(prune_argv(docker_cmd, some, builder), timeout=PATIENCE)
        if done.returncode:
            raise explain(done.error, EngineError)


def prune_argv(docker_cmd: Sequence[str], records: Sequence[str], builder: str | None = None) -> tuple[str, ...]:
    """Return the command line that removes these records and no others."""
    if not records or not all(_RECORD.fullmatch(record) for record in records):
        raise ValueError(f"not ids of records: {records!r}")
    chosen = ("--builder", builder) if builder else ()
    return (*docker_cmd, "buildx", "prune", "--all", "--force", *chosen, "--filter", f"id=^({'|'.join(records)})$")


def _batches(records: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(records), AT_ONCE):
        yield records[start : start + AT_ONCE]
