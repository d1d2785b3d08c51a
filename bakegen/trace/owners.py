"""Whose a step is: that of every image that has it, but for those that only stand on such an image."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakegen.trace.seen import Bake


def ancestors(bakes: Iterable[Bake]) -> dict[str, frozenset[str]]:
    """Return the images of a run with all that each stands on, parents first, then by name.

    Records from before bakes were marked do not say who stands on whom. There, an image stands on another when it has
    all of its steps and more.
    """
    parents: dict[str, set[str]] = {}
    for bake in bakes:
        images = bake.solved or {name for seen in bake.seen.values() for name in seen.names if name}
        links = _guessed(bake) if bake.parents is None else bake.parents
        for image in images:
            parents.setdefault(image, set()).update(links.get(image, ()))
    found = {image: _reached(image, parents) for image in parents}
    return dict(sorted(found.items(), key=lambda item: (len(item[1]), item[0])))


def owners(images: Collection[str], lines: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return which of the images that have a step have it as their own; ``lines`` is what each stands on."""
    names = frozenset(images) & lines.keys()
    return frozenset(name for name in names if not names & lines[name])


def _reached(image: str, parents: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Return all ancestors of an image that are images of the run."""
    reached: set[str] = set()
    left = [image]
    while left:
        new = {name for name in parents[left.pop()] if name in parents} - reached
        reached |= new
        left.extend(new)
    return frozenset(reached - {image})


def _guessed(bake: Bake) -> dict[str, tuple[str, ...]]:
    steps: dict[str, set[str]] = {}
    for digest, seen in bake.seen.items():
        for image, name in seen.names.items():
            if name.counted:
                steps.setdefault(image, set()).add(digest)
    return {
        image: tuple(other for other, theirs in steps.items() if theirs and theirs < own)
        for image, own in steps.items()
        if image
    }
