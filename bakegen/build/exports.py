"""Which images an engine takes in, and in what order.

The docker driver with containerd's store unpacks every image that it takes in, and images that are exported at the same
time each unpack all their layers, shared ones too: seven images on one torch layer of 5 GB unpacked it seven times, for
205 to 277 s each (docs/benchmarks.md). Layers that are there already are not unpacked again. So one image of each shared
line goes first. An image that the engine has as it would be again is not taken in at all, which saves 0.07 s an image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bakegen.build.model import Stamp


@dataclass(frozen=True, slots=True)
class Export:
    """One image as the engine took it in: under which stamp, with which digest, in a run with which bases (digests)."""

    stamp: str
    digest: str
    bases: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the entry of result.json."""
        return asdict(self)


def parse_exports(record: Mapping[str, Any]) -> dict[str, Export]:
    """Return what `as_json` wrote, by image; an entry that is none is left out."""
    found = {}
    for name, entry in record.items():
        with suppress(TypeError, KeyError):
            found[name] = Export(str(entry["stamp"]), str(entry["digest"]), tuple(map(str, entry["bases"])))
    return found


def unchanged(
    before: Mapping[str, Export], stamps: Mapping[str, Stamp], digests: Mapping[str, str]
) -> dict[str, Export]:
    """Return the exports of before whose image has the same stamp now, and all of whose tags still have their digest.

    ``digests`` are the engine's, by tag.
    """
    return {
        name: export
        for name, export in before.items()
        if (stamp := stamps.get(name))
        and stamp.text == export.stamp
        and stamp.tags
        and all(digests.get(tag) == export.digest for tag in stamp.tags)
    }


def first_exports(exported: Collection[str], lineage: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the images to export before the rest; none when no two exported images have an image in common.

    ``lineage`` is each image's ancestors and itself, parents before children, without what the engine has taken in already.
    """
    counted = Counter(name for image in exported for name in lineage[image])
    shared = [name for name in lineage if counted[name] > 1]
    chosen: set[str] = set()
    covered: set[str] = set()
    for name in reversed(shared):  # deepest first: it covers what it stands on
        if name in exported:
            chosen.add(name)
        elif name not in covered:
            chosen.add(next(image for image in lineage if image in exported and name in lineage[image]))
        covered |= frozenset[str]().union(*(lineage[image] for image in chosen))
    return frozenset(chosen) if frozenset(exported) - chosen else frozenset()
