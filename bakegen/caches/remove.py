"""Removing what was chosen, and telling what stayed."""

from __future__ import annotations

from collections.abc import Sequence

from bakegen.caches.family import Held
from bakegen.engine.du import cache_mounts
from bakegen.engine.prune import prune


def remove(docker_cmd: Sequence[str], going: Sequence[Held], builder: str | None = None) -> tuple[str, ...]:
    """Remove the records of these entries and return the ids of those that stayed: a step uses them just now."""
    records = {record.record: entry.id for entry in going for record in entry.records}
    if not records:
        return ()
    prune(docker_cmd, records, builder)
    left = {mount.record for mount in cache_mounts(docker_cmd, builder)}
    return tuple(dict.fromkeys(name for record, name in records.items() if record in left))
