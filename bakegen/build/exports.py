"""Which images an engine takes in first, so that what several stand on is unpacked once.

The docker driver with containerd's store unpacks every image that it takes in, and images that are exported at the same
time each unpack all their layers, shared ones too: seven images on one torch layer of 5 GB unpacked it seven times, for
205 to 277 s each (docs/benchmarks.md). Layers that are there already are not unpacked again. So one image of each shared
line goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping


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
