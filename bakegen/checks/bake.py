"""Within ``bake``: what is said twice, and links to images that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakegen.checks.faults import Fault, at
from bakegen.family.bake import LINK
from bakegen.family.expand import Variant
from bakegen.family.load import nearest

#: Fields of an image, and what must not stand in ``bake`` beside them.
_TWICE = (
    ("dockerfile", ("context", "dockerfile", "dockerfile_inline")),
    ("tag", ("tags",)),
    ("platforms", ("platforms",)),
    ("secrets", ("secret",)),
)


def bake_targets(variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield what is wrong with the bake targets of hand-written images."""
    names = [variant.name for variant in variants]
    for variant in variants:
        if variant.fields.bake:
            yield from _twice(variant)
            yield from _links(variant, names)


def _twice(variant: Variant) -> Iterator[Fault]:
    fields, given = variant.fields, variant.fields.model_fields_set
    inner = fields.bake.model_fields_set if fields.bake else set()
    for field, others in _TWICE:
        for other in (other for other in others if field in given and other in inner):
            what = f"{variant.name} has {field!r} and bake.{other}, which say the same"
            yield Fault(at(variant, "bake", other), what, "keep one of them", on_key=True)
    if "context" in given and fields.dockerfile is None:
        what = f"'context' of {variant.name} goes with 'dockerfile', which is missing"
        yield Fault(at(variant, "context"), what, "add dockerfile: PATH, or move it to bake.context", on_key=True)


def _links(variant: Variant, names: Sequence[str]) -> Iterator[Fault]:
    for context, value in variant.fields.bake.contexts.items() if variant.fields.bake else ():
        linked = value.removeprefix(LINK)
        if value.startswith(LINK) and linked not in names:
            close = nearest(linked, list(names))
            tip = f"did you mean {LINK}{close}?" if close else f"images are: {', '.join(names)}"
            what = f"{variant.name} links {linked!r}, which is no image of the family"
            yield Fault(at(variant, "bake", "contexts", context), what, tip)
