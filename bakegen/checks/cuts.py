"""What can still be checked between values when the invalid ones were cut out of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakegen.family import Family
from bakegen.family.expand import Variant
from bakegen.family.source import Loc

#: Parts of a manifest whose invalid values concern no image, or only those that name them.
_LOCAL = {"version", "family", "description", "$schema", "dockerignore", "images", "bases", "groups"}


def sound(rest: Family, variants: Sequence[Variant], cut: Iterable[Loc]) -> frozenset[str]:
    """Return the definitions that no cut concerns: not their own fields, nor those of anything they are built from."""
    cut = set(cut)
    if any(loc[0] not in _LOCAL for loc in cut):
        return frozenset()
    of_images = {loc for loc in cut if loc[0] in {"images", "bases"}}
    names = {name: variant.origin for variant in variants for name in (variant.name, variant.origin)}
    some_gone = any(len(loc) <= 2 or "variants" in loc for loc in of_images)  # noqa: PLR2004 - section and name
    hurt = {str(loc[1]) for loc in of_images if loc[0] == "images" and len(loc) > 1}
    hurt_bases = {str(loc[1]) for loc in of_images if loc[0] == "bases" and len(loc) > 1}
    while True:
        more = {
            variant.origin
            for variant in variants
            if (name := variant.fields.from_)
            and variant.origin not in hurt
            and (name in hurt_bases or names.get(name) in hurt or (some_gone and name not in {*names, *rest.bases}))
        }
        if not more:
            return frozenset(rest.images.keys() - hurt)
        hurt |= more
