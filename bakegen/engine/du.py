"""The cache mounts an engine holds: ids, bytes, times.

`docker buildx du` speaks to the right builder, but rounds sizes to four digits and times to words such as "2 hours
ago" in every format it has (https://github.com/docker/buildx/blob/master/commands/diskusage.go). The Docker engine's
own `/system/df` has both exactly, for the builder inside it. So both are asked and joined by record id: what the second
does not know stays as rounded as buildx prints it. One after the other: BuildKit holds each record while it measures it,
and leaves out of one answer what it measures for another (seen with engine 28.5: of two mounts none was listed).
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bakegen.engine import api
from bakegen.engine.failures import explain
from bakegen.engine.process import run
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE = 120.0  # seconds; the engine walks what has changed to measure it
CACHE_MOUNT = "exec.cachemount"
_ID = re.compile(r'.* with id ("(?:[^"\\]|\\.)*")', re.DOTALL)
_UNNAMED = re.compile(r"cached mount (\S+) from ")
_SIZE = re.compile(r"([\d.]+)\s*([kKMGTPE]?)(i?)B")
_AGO = re.compile(r"(?:About )?(an?|\d+) (second|minute|hour|day|week|month|year)s?(?: ago)?")
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of BuildKit's cache: ``id`` is BuildKit's own, ``size`` is in bytes, times are seconds since the epoch.

    ``exact`` is False where size and ``last_used`` are as rounded as `docker buildx du` prints them.
    """

    id: str
    type: str
    description: str
    size: int
    last_used: float | None = None
    created: float | None = None
    shared: bool = False
    reclaimable: bool = True
    exact: bool = False


@dataclass(frozen=True, slots=True)
class CacheMountUsage:
    """One record of a cache mount. One id has several where uid, gid or mode differ, or with ``sharing=private``.

    ``id`` is without the slash that BuildKit puts before it: `/root/.cache` (still with one) is that of an unnamed mount.
    ``size`` is in bytes, times are seconds since the epoch by the engine's clock; ``last_used`` is None for a mount that
    nobody has used since it was made. ``record`` is BuildKit's own id of it. ``reclaimable`` is False while a step uses it.
    """

    id: str
    size: int
    last_used: float | None
    created: float | None
    description: str
    record: str
    shared: bool = False
    reclaimable: bool = True
    exact: bool = False

    @property
    def known(self) -> bool:
        """Whether the size is one: BuildKit says 0 of a mount that a step holds, or takes while it is counted.

        Rule: moby/buildkit, cache/manager.go, DiskUsage. An empty mount has the size of a directory.
        """
        return self.size > 0 and self.reclaimable

    def as_json(self) -> dict[str, Any]:
        """Return the entry of caches.json."""
        return {
            "id": self.id,
            "bytes": self.size,
            "last_used": self.last_used,
            "created": self.created,
            "description": self.description,
        }


def cache_mounts(
    docker_cmd: Sequence[str], builder: str | None = None, *, patience: float = PATIENCE
) -> tuple[CacheMountUsage, ...]:
    """Return the cache mounts of a builder, by id; takes about half a second.

    Raises EngineError when buildx, the builder or its engine does not answer within ``patience`` seconds.
    """
    found = (usage(record) for record in records(docker_cmd, builder, CACHE_MOUNT, patience))
    return tuple(sorted(found, key=lambda mount: (mount.id, mount.record)))


def records(
    docker_cmd: Sequence[str], builder: str | None = None, kind: str | None = None, patience: float = PATIENCE
) -> tuple[Record, ...]:
    """Return the records of a builder's cache, all or those of one kind, exact where the Docker engine knows them."""
    exact = parse_df(api.get(docker_cmd, "/system/df?type=build-cache", timeout=patience) or b"")
    argv = (*docker_cmd, "buildx", "du", "--format", "json")
    chosen = ("--builder", builder) if builder else ()
    done = run((*argv, *chosen, *(("--filter", f"type={kind}") if kind else ())), timeout=patience)
    if done.returncode:
        raise explain(done.error, EngineError)
    return tuple(
        replace(record, size=known.size, last_used=known.last_used, exact=True)
        if (known := exact.get(record.id))
        else record
        for record in parse_du(done.stdout, time.time())
    )


def parse_du(output: bytes, now: float) -> tuple[Record, ...]:
    """Return what `docker buildx du --format json` printed, one object a line, at the time ``now``."""
    found = []
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("ID"):
            found.append(_record(row, size=bytes_of(row.get("Size")), last_used=when(row.get("LastUsedAt"), now)))
    return tuple(found)


def parse_df(body: bytes) -> dict[str, Record]:
    """Return the records by id in the answer of https://docs.docker.com/reference/api/engine/version/v1.44/#tag/System."""
    try:
        rows = json.loads(body).get("BuildCache") or ()
    except (ValueError, AttributeError):
        return {}
    return {
        str(row["ID"]): _record(row, size=int(row.get("Size") or 0), last_used=when(row.get("LastUsedAt"), 0.0))
        for row in rows
    }


def usage(record: Record) -> CacheMountUsage:
    """Return a record of a cache mount under its id."""
    return CacheMountUsage(
        mount_id(record.description),
        record.size,
        record.last_used,
        record.created,
        record.description,
        record.id,
        record.shared,
        record.reclaimable,
        record.exact,
    )


def mount_id(description: str) -> str:
    """Return the id in a record's description, without the slash that BuildKit puts before it; "" when there is none.

    BuildKit leaves the id out where it equals the mount's target (solver/llbsolver/mounts/mount.go), which Dockerfiles
    never bring about, because the slash is before theirs.
    """
    if found := _ID.fullmatch(description):
        try:
            name = str(json.loads(found[1]))
        except ValueError:  # Go quotes what JSON does not know, such as \\x00
            name = found[1][1:-1]
    else:
        unnamed = _UNNAMED.match(description)
        name = unnamed[1] if unnamed else ""
    return name.removeprefix("/")


def _record(row: Mapping[str, Any], *, size: int, last_used: float | None) -> Record:
    return Record(
        id=str(row["ID"]),
        type=str(row.get("Type") or ""),
        description=str(row.get("Description") or ""),
        size=size,
        last_used=last_used,
        created=when(row.get("CreatedAt"), 0.0),
        shared=bool(row.get("Shared")),
        reclaimable=bool(row.get("Reclaimable", True)),
    )


def bytes_of(text: object) -> int:
    """Return the bytes that a size such as ``794.6kB`` or ``1.5GiB`` stands for; a number is as it is."""
    if isinstance(text, int):
        return text
    found = _SIZE.fullmatch(str(text or ""))
    if not found:
        return 0
    power = " KMGTPE".index(found[2].upper() or " ")
    return round(float(found[1]) * float((1024 if found[3] else 1000) ** power))


def when(text: object, now: float) -> float | None:
    """Return a time in seconds since the epoch: a date as Go or JSON prints it, or "2 hours ago" as seen from ``now``."""
    words = str(text or "")
    if words.startswith("Less than a second"):
        return now
    if found := _AGO.fullmatch(words):
        return now - _SECONDS[found[2]] * (1 if found[1] in {"a", "an"} else int(found[1]))
    words = re.sub(r"(\.\d{6})\d+", r"\1", words.removesuffix(" UTC")).replace(" +0000", "+00:00")
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo and moment.year > 1 else None
