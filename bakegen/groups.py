"""The groups of the bake file: the family's own, one a target, one a definition with variants, and default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bakegen.family import Family, Group, Target
from bakegen.plan import PlannedImage, match

#: Groups that the bake file always has; bake prefers a group to a bake target of its name.
RESERVED = {"default": "everything", "cpu": "the CPU images", "gpu": "the CUDA images"}


def groups_of(family: Family, images: tuple[PlannedImage, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return every group that has an image, by name, with its images; with ``auto_groups: false`` the family's own only."""
    groups = _automatic(family, images)
    targets = {image.name: image.target for image in images}
    own = {name: _members(name, family, targets, groups) for name in family.groups}
    groups = groups | own if family.auto_groups else own
    return tuple((name, tuple(sorted(members))) for name, members in sorted(groups.items()) if members)


def bake_groups_of(family: Family, images: tuple[PlannedImage, ...]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return the groups of the bake file: name, description and members; as they are written with ``auto_groups: false``."""
    if family.auto_groups:
        known = family.groups
        groups = groups_of(family, images)
        return tuple((name, known[name].description if name in known else "", members) for name, members in groups)
    automatic = _automatic(family, images)
    return tuple(
        (name, group.description, tuple(dict.fromkeys(_words(group, family, images, automatic))))
        for name, group in family.groups.items()
    )


def _automatic(family: Family, images: tuple[PlannedImage, ...]) -> dict[str, tuple[str, ...]]:
    """Return the groups that nobody has to write."""
    groups = {}
    if family.auto_groups:
        groups = {
            "default": tuple(image.name for image in images),
            "cpu": tuple(image.name for image in images if image.target == Target.CPU),
            "gpu": tuple(image.name for image in images if image.target == Target.CUDA),
        }
    for image in images:
        if image.name != image.origin:
            groups[image.origin] = tuple(other.name for other in images if other.origin == image.origin)
    return groups


def _words(
    group: Group, family: Family, images: tuple[PlannedImage, ...], automatic: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Yield the members of a group in their order: groups by their names, whatever else as the images it stands for."""
    names = [image.name for image in images]
    for word in group.images:
        yield from (word,) if word in family.groups else automatic.get(word) or match(word, names)
    yield from (image.name for image in images if group.all or image.target == group.target)


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
        if word in model.images and word in targets:
            found.add(word)  # as in bake, an image may have the name of a group, which then means it by that name
        queue += [inner for inner in model.images if inner not in seen]
        seen.update(model.images)
    return tuple(name for name in targets if name in found)
