"""Tags of newer versions: which tags a pattern such as ``12.1.*-runtime-ubuntu22.04`` means, and which is the newest.

``*`` stands for a version: digits with dots between. So ``3.*-slim`` takes 3.13 but neither 3.14-rc nor a word; and a
tag is compared only with tags as precise as itself, as Renovate does for docker
(https://docs.renovatebot.com/modules/versioning/docker/): ``3.11-slim`` may become ``3.13-slim``, not ``3.13.1-slim``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Version = tuple[tuple[int, ...], ...]
#: https://github.com/distribution/reference/blob/main/regexp.go; a registry may list anything
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def version_in(pattern: str, tag: str) -> Version | None:
    """Return the numbers for which the stars of ``pattern`` stand in ``tag``; None when it does not match."""
    parts = (re.escape(part) for part in pattern.split("*"))
    match = re.fullmatch("([0-9]+(?:[.][0-9]+)*)".join(parts), tag, re.ASCII)
    return tuple(tuple(map(int, group.split("."))) for group in match.groups()) if match else None


def newest(pattern: str, current: str, tags: Iterable[str]) -> str:
    """Return the newest of ``tags`` that matches as precisely as ``current`` does; ``current`` where none is newer."""
    best, best_version = current, version_in(pattern, current) or ()
    for tag in tags:
        version = version_in(pattern, tag) if _TAG.fullmatch(tag) else None
        if version and list(map(len, version)) == list(map(len, best_version)) and version > best_version:
            best, best_version = tag, version
    return best
