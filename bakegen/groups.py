"""The groups of the bake file: the family's own, one a target, one a definition with variants, and default."""

from __future__ import annotations

from collections.abc import Mapping

from bakegen.family import Family, Target
from bakegen.plan import PlannedImage, match

#: Groups that the bake file always has; bake prefers a group to a bake target of its name.
RESERVED = {"default": "everything", "cpu": "the CPU images", "gpu": "the CUDA images"}


def groups_of(family: Family, images: tuple[PlannedImage, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return every group that has an image, by name, with its images."""
    groups = {
        "default": tuple(image.name for image in images),
        "cpu": tuple(image.name for image in images if image.target == Target.CPU),
        "gpu": tuple(image.name for image in images if image.target == Target.CUDA),
    }
    for image in images:
        if image.name != image.origin:
            groups[image.origin] = tuple(other.name for other in images if other.origin == image.origin)
    targets = {image.name: image.target for image in images}
    groups |= {name: _members(name, family, targets, groups) for name in family.groups}
    return tuple((name, tuple(sorted(members))) for name, members in sorted(groups.items()) if members)


def _members(
    group: str, family: Family, targets: Mapping[str, Target], automatic: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the images of one of the family's groups, in the order of ``targets``."""
    found: set[str] = set()
    seen, queue = {group}, [group]
    for word in queue:  # grows as it is walked; each word is asked once
        model = family.groups.get(word)
        if model is None:
            found.update(automatic.get(word) or match(word, targets))
            continue
        found.update(name for name, target in targets.items() if model.all or target == model.target)
        queue += [inner for inner in model.images if inner not in seen]
        seen.update(model.images)
    return tuple(name for name in targets if name in found)
