"""The layers of a family's images -> sizes, and what images share. Pure; bytes, unpacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bakegen.report.model import ImageSize

#: (mark, bytes) of each layer, lowest first; equal marks are one layer.
Layers: TypeAlias = Sequence[tuple[str, int]]


def sizes(images: Mapping[str, Layers], parents: Mapping[str, Sequence[str]]) -> dict[str, ImageSize]:
    """Return the size of each image; what it shares with its parent is None where the parent is not measured."""
    return {
        name: ImageSize(sum(size for _, size in held), _of_parent(name, images, parents))
        for name, held in images.items()
    }


def stored(images: Mapping[str, Layers]) -> int:
    """Return the bytes of all images together, a layer that several have counted once."""
    known: dict[tuple[str, ...], int] = {}
    for held in images.values():
        marks = tuple(mark for mark, _ in held)
        known |= {marks[: at + 1]: size for at, (_, size) in enumerate(held)}  # a layer is one with all below it
    return sum(known.values())


def _of_parent(name: str, images: Mapping[str, Layers], parents: Mapping[str, Sequence[str]]) -> int | None:
    near = parents.get(name, ())
    if not near:
        return 0
    found = [_common(images[name], images[parent]) for parent in near if parent in images]
    return max(found) if found else None


def _common(mine: Layers, others: Layers) -> int:
    """Return the bytes of the layers with which both begin."""
    total = 0
    for (mark, size), (other, _) in zip(mine, others, strict=False):
        if mark != other:
            break
        total += size
    return total
