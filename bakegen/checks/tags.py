"""Between tags: none invalid, none given to two images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakegen.checks.faults import Fault, at
from bakegen.family import Family
from bakegen.family.expand import Variant
from bakegen.plan import full_reference
from bakegen.refs import ImageRef


def tags(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield what is wrong with the registry and the tags, each alone and beside the others."""
    if family.registry is not None and not _valid_registry(family.registry):
        what = f"{family.registry!r} is not a registry"
        yield Fault(("registry",), what, "write host/path, such as ghcr.io/example, without a tag")
        family = family.model_copy(update={"registry": None})
    seen: dict[str, Variant] = {}
    for variant in variants:
        if variant.fields.bake and variant.fields.bake.tags is not None:
            continue  # taken as they are
        for index, tag in enumerate(variant.fields.tag or (variant.name,)):
            loc = at(variant, "tag", index) if variant.fields.tag else at(variant)
            try:
                ref = ImageRef.parse(full_reference(family, tag))
            except ValueError as error:
                tip = "write tag: repository or repository:tag; registry: host/path stands at the top"
                yield Fault(loc, f"the tag of {variant.name}: {error}", tip)
                continue
            if ref.digest:
                yield Fault(loc, f"{tag!r} is a digest; an image is tagged by name", "write tag: repository:tag")
            twin = seen.setdefault(str(ref), variant)
            if twin.name != variant.name:
                what = f"{variant.name} has the tag {tag!r} of {twin.name}"
                yield Fault(loc, what, "the last one built would win; give each its own")


def _valid_registry(text: str) -> bool:
    try:
        ref = ImageRef.parse(f"{text}/x")
    except ValueError:
        return False
    return ref.tag is None and "@" not in text
