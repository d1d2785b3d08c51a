"""Between images: cache ids shared by what cannot share, platforms a parent does not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bakegen.checks.faults import Fault
from bakegen.family.source import Loc
from bakegen.layers import ARCH, Mount
from bakegen.plan import PlannedImage


def together(images: Iterable[PlannedImage]) -> Iterator[Fault]:
    """Yield faults between images: cache ids shared by what cannot share, platforms a parent does not have."""
    images = list(images)
    yield from _platforms(images)
    yield from _cache_ids(images)


def _platforms(images: Sequence[PlannedImage]) -> Iterator[Fault]:
    by_name = {image.name: image for image in images}
    for image in images:
        parent = by_name.get(image.parent or "")
        missing = sorted(set(image.platforms) - set(parent.platforms)) if parent and parent.platforms else []
        if missing:
            what = f"{image.name} is for {', '.join(missing)}, its parent {image.parent} is not"
            tip = f"add the platform to {image.parent}, or drop it here"
            yield Fault(("images", image.origin, "platforms"), what, tip)


def _cache_ids(images: Sequence[PlannedImage]) -> Iterator[Fault]:
    holders: dict[str, dict[tuple[str, ...], PlannedImage]] = defaultdict(dict)
    uses = [(image, mount) for image in images for layer in image.layers for mount in layer.mounts]
    for image, mount in uses:
        loc: Loc = ("images", image.origin, "cache")
        if len(image.platforms) > 1 and ARCH not in mount.id:
            what = f"{image.name} uses the cache {mount.id!r} for {len(image.platforms)} platforms"
            yield Fault(loc, what, "leave the id out: derived ids carry the architecture")
        owner, others = _owner(mount), holders[mount.id]
        if others and owner not in others:
            first, twin = next(iter(others.items()))
            ours, theirs = _difference(owner, first)
            what = f"{image.name} and {twin.name} share the cache {mount.id!r}, but hold {ours} and {theirs}"
            yield Fault(loc, what, "give one of them another id, or none: derived ids never collide")
        others.setdefault(owner, image)


def _owner(mount: Mount) -> tuple[str, ...]:
    """Return what the holders of one cache must agree on, each part as a message names it."""
    return (*mount.holds, f"uid {mount.uid or 0}", f"gid {mount.gid or 0}", f"mode {mount.mode or 'default'}")


def _difference(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, str]:
    """Return the parts in which two owners of a cache differ."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a != b] or [(" ".join(ours), " ".join(theirs))]
    return " ".join(a for a, _ in pairs), " ".join(b for _, b in pairs)
