"""Whether BuildKit's garbage collection leaves a family its cache mounts, and the setting that does. Pure.

What a rule does (moby/buildkit, cache/manager.go, pruneOnce): it counts the *whole* cache, not what its filters match, and
while that is over its limit it removes what they match, least recently used first. Of the limits, ``max used`` counts; less
where the disk has not ``min free`` left; never less than ``reserved``. A rule with no limit removes all that it matches.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakegen.engine.du import CACHE_MOUNT, bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakegen.engine.info import Disk, GcRule

GB = 10**9
ASSUMED = 10 * GB  # the mounts of a family with torch for one Python: 5 GB of wheels, and what uv unpacks of them
LONG = 14 * 24  # hours; caches that nobody used for longer may go
_STEP = 10 * GB  # what is recommended is round
_FREE = 10  # GB of the disk that caches leave alone
_RESERVED_SINCE = 28  # Docker's version; before it, a rule had `keepStorage` alone


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes that the cache mounts of a family take. ``known`` is False where that is an assumption."""

    size: int = ASSUMED
    known: bool = False

    def __str__(self) -> str:
        """Return the words for it."""
        return (
            f"this family's take {told(self.size)}"
            if self.known
            else f"those of a family with torch take {told(ASSUMED)}"
        )


def limit(rule: GcRule) -> int | None:
    """Return the bytes to which a rule cuts the cache down; None for one that acts only when the disk is full."""
    used, reserved = bytes_of(rule.max_used), bytes_of(rule.reserved)
    if used:
        return max(used, reserved)
    return None if bytes_of(rule.min_free) else reserved


def threats(rules: Sequence[GcRule], needed: Needed, disk: Disk | None = None) -> Iterator[str]:
    """Yield what the rules do to cache mounts of this size, a sentence each; none when they let them be."""
    general = [found for rule in rules if not rule.filters and (found := limit(rule)) is not None]
    for rule in rules:
        found, hours = limit(rule), idle_hours(rule.keep_duration)
        if rule.filters and CACHE_MOUNT in rule.filters and found is not None and hours < LONG:
            if found < max(2 * needed.size, *general, 0):
                yield (
                    f"cache mounts that no build has used for {hours} h go as soon as the whole cache, layers and all, is"
                    f" over {told(found)}; {needed}"
                )
        elif not rule.filters and found is not None and found < 2 * needed.size and hours < LONG:
            yield f"layers and cache mounts together are held to {told(found)}; {needed}, and layers as much again"
    if disk and (tight := [rule for rule in rules if disk.free < bytes_of(rule.min_free)]):
        kept = max(bytes_of(rule.reserved) for rule in tight)
        if kept < needed.size:
            yield (
                f"the disk has {told(disk.free)} left, less than the rules keep free: the cache is cut down, at worst to"
                f" {told(kept)}; {needed}"
            )


def idle_hours(duration: str) -> int:
    """Return the hours of a duration as Go prints it, such as ``48h0m0s``; 0 for none."""
    found = re.match(r"(\d+)h", duration)
    return int(found[1]) if found else 0


def setting(driver: str, server: str, rules: Sequence[GcRule], needed: Needed) -> tuple[str, str]:
    """Return where a setting belongs, in words, and the setting: one rule for all, with room for these mounts."""
    reserved = -(-2 * needed.size // _STEP) * _STEP
    used = max([2 * reserved, *(found for rule in rules if not rule.filters and (found := limit(rule)))])
    sizes = {
        "reservedSpace": f"{reserved // GB}GB",
        "maxUsedSpace": f"{used // GB}GB",
        "minFreeSpace": f"{_FREE}GB",
    }
    if driver == "docker":
        major = re.match(r"\d+", server)
        if major and int(major[0]) < _RESERVED_SINCE:
            sizes = {"keepStorage": sizes["maxUsedSpace"]}
        rule = json.dumps({"all": True, **sizes})
        text = f'"builder": {{\n  "gc": {{\n    "enabled": true,\n    "policy": [\n      {rule}\n    ]\n  }}\n}}'
        return "put this into the engine's daemon.json and restart it", text
    lines = ["[worker.oci]", "gc = true", "", "[[worker.oci.gcpolicy]]", "all = true"]
    lines += [f'{name} = "{size}"' for name, size in sizes.items()]
    where = (
        "put this into buildkitd.toml and make the builder anew: docker buildx create --buildkitd-config buildkitd.toml"
    )
    return where, "\n".join(lines)


def told(size: int) -> str:
    """Return bytes in GB with one decimal."""
    return f"{size / GB:.1f} GB"
