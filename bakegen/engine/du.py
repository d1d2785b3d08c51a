"""What a builder keeps in its cache mounts: `docker buildx du`, read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakegen.engine.failures import explain
from bakegen.engine.process import run
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 20.0  # seconds; sizes that BuildKit does not know yet are counted file by file
_ID = re.compile(r'with id ("(?:[^"\\]|\\.)*")\s*$')
_SIZE = re.compile(r"([\d.]+(?:e[+-]?\d+)?)\s*([kKMGTPE]?)B")
_POWERS = " kMGTPE"


@dataclass(frozen=True, slots=True)
class CacheMountUsage:
    """One cache mount that a builder keeps. ``id`` is as in the Dockerfile; ``size`` is bytes, to four digits.

    ``last_used`` and ``created`` are in buildx's words, "" when never and unknown. ``record`` is BuildKit's own id.
    """

    id: str
    size: int
    last_used: str = ""
    created: str = ""
    description: str = ""
    record: str = ""
    in_use: bool = False

    @property
    def known(self) -> bool:
        """Whether the size is one: BuildKit says 0 of a mount that a step holds, or takes while it is counted.

        Rule: moby/buildkit, cache/manager.go, DiskUsage. An empty mount has the size of a directory.
        """
        return self.size > 0 and not self.in_use


def cache_mounts(
    docker: Sequence[str], builder: str | None = None, *, patience: float = PATIENCE
) -> tuple[CacheMountUsage, ...]:
    """Return the cache mounts of the named builder, or the current one; takes about 0.3 s.

    Raises EngineError when there is no buildx, no such builder, no engine behind it, or no answer in time.
    """
    named = ("--builder", builder) if builder else ()
    words = ("buildx", "du", *named, "--filter", "type=exec.cachemount", "--format", "json")
    done = run((*docker, *words), timeout=patience)
    if done.returncode:
        raise explain(done.error, EngineError)
    return tuple(parse_usage(done.stdout))


def parse_usage(stdout: bytes) -> Iterator[CacheMountUsage]:
    """Yield the cache mounts in what `buildx du --format json` printed, one JSON object a line."""
    for line in stdout.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("Type") == "exec.cachemount":
            yield _usage(record)


def _usage(record: dict[str, Any]) -> CacheMountUsage:
    description = str(record.get("Description") or "")
    return CacheMountUsage(
        id=_id(description),
        size=_bytes(str(record.get("Size") or "")),
        last_used=str(record.get("LastUsedAt") or ""),
        created=str(record.get("CreatedAt") or ""),
        description=description,
        record=str(record.get("ID") or ""),
        in_use=record.get("Reclaimable") is False,
    )


def _id(description: str) -> str:
    """Return the id at the end of a description, quoted as Go does, without the slash that ends its namespace."""
    found = _ID.search(description)
    if not found:
        return ""
    try:
        return str(json.loads(found[1])).removeprefix("/")
    except ValueError:
        return found[1][1:-1].removeprefix("/")


def _bytes(text: str) -> int:
    """Return the bytes in docker's words, such as ``794.6kB``: powers of 1000 (docker/go-units, HumanSize)."""
    found = _SIZE.fullmatch(text.strip())
    return round(float(found[1]) * 1000 ** _POWERS.index(found[2].replace("K", "k") or " ")) if found else 0
