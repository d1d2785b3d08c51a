"""What ``from`` stands for: a base, an image, or the variant of a definition that agrees on every axis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from bakegen import graph
from bakegen.checks.faults import Fault, at
from bakegen.family import Family
from bakegen.family.expand import Variant
from bakegen.family.load import nearest


def parents_of(family: Family, variants: Sequence[Variant]) -> dict[str, tuple[str, ...]]:
    """Return the parent of each image, where it is an image and clear."""
    found: dict[str, tuple[str, ...]] = {}
    known = _by_word(variants)
    for variant in variants:
        name = variant.fields.from_
        candidates = _candidates(variant, name, known) if name and name not in family.bases else []
        found[variant.name] = tuple(candidates) if len(candidates) == 1 else ()
    return found


def edges(variants: Sequence[Variant], parents: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return all images that each is built from: its parent, and those that ``bake`` links to it."""
    names = {variant.name for variant in variants}
    linked = {variant.name: variant.fields.bake.linked if variant.fields.bake else () for variant in variants}
    return {name: (*found, *(link for link in linked[name] if link in names)) for name, found in parents.items()}


def froms(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield images whose ``from`` is missing, unknown or ambiguous, and one circle of those built from each other."""
    known = _by_word(variants)
    for variant in variants:
        yield from _from(family, variant, known)
    if chain := graph.cycle(edges(variants, parents_of(family, variants))):
        origin = next(variant for variant in variants if variant.name == chain[0])
        what = f"images are built from each other: {' -> '.join(chain)}"
        field = "from" if origin.fields.from_ else "bake"
        yield Fault(at(origin, field), what, "one of them must be built from a base")


def _from(family: Family, variant: Variant, known: Mapping[str, list[Variant]]) -> Iterator[Fault]:
    name = variant.fields.from_
    if name is None:
        if not variant.fields.hand_written:
            what = f"{variant.name} does not say what it is built from"
            yield Fault(at(variant), what, "add from: a base or another image", on_key=True)
        return
    if name in family.bases:
        return
    candidates = _candidates(variant, name, known)
    if not candidates:
        words = [*family.bases, *family.images]
        close = nearest(name, words)
        tip = f"did you mean {close}?" if close else f"bases and images are: {', '.join(words)}"
        yield Fault(at(variant, "from"), f"{variant.name} is built from {name!r}, which does not exist", tip)
    elif len(candidates) > 1:
        what = f"{variant.name} could be built from {' or '.join(candidates)}"
        yield Fault(at(variant, "from"), what, "name one of them, or give this image the same axes")


def _by_word(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Return what each name may stand for: the image of that name, else all variants of the definition of that name."""
    found: dict[str, list[Variant]] = defaultdict(list)
    for variant in variants:
        found[variant.origin].append(variant)
    return found | {variant.name: [variant] for variant in variants}


def _candidates(variant: Variant, name: str, known: Mapping[str, list[Variant]]) -> list[str]:
    """Return the images that ``from: name`` can mean: the one of that name, or the variants of it that agree on every axis."""
    return [
        other.name
        for other in known.get(name, ())
        if other.name == name or all(variant.axis(axis) in (None, value) for axis, value in other.axes)
    ]
