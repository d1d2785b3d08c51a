"""Image definitions -> images: each combination of a definition's axes becomes an image of its own.

The rules are those of a GitHub Actions matrix, which users know: ``exclude`` drops combinations, ``include`` adds fields
to those it matches, or a combination when it matches none
(https://docs.github.com/actions/reference/workflow-syntax-for-github-actions#jobsjob_idstrategymatrixinclude).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bakegen.family.models import Axes, Family, Image, ImageFields, Include, Variants

AXES = ("target", "cuda", "python")


@dataclass(frozen=True, slots=True)
class Variant:
    """One image, its variants resolved."""

    name: str
    origin: str
    fields: ImageFields
    axes: tuple[tuple[str, str], ...] = ()

    def axis(self, name: str) -> str | None:
        """Return the image's value on an axis, whether its variants or its own fields set it."""
        value = dict(self.axes).get(name) or getattr(self.fields, name, None)
        return str(value) if value else None


def expand(family: Family) -> tuple[Variant, ...]:
    """Return every image of the family, in the order of the manifest."""
    return tuple(variant for name, image in family.images.items() for variant in _variants(name, image))


def _variants(name: str, image: Image) -> Iterator[Variant]:
    if image.variants is None:
        yield Variant(name, name, image)
        return
    combinations = list(_combinations(image.variants))
    chosen = [(combination, _matching(combination, image.variants)) for combination in combinations]
    extra = [
        (_axes(entry), [entry])
        for entry in image.variants.include
        if not any(entry in entries for _, entries in chosen) and _axes(entry)
    ]
    for combination, entries in chosen + extra:
        yield Variant(
            "-".join([name, *_suffix(combination)]),
            name,
            _merge(image, combination, entries),
            tuple(combination.items()),
        )


def _combinations(variants: Variants) -> Iterator[dict[str, str]]:
    axes = {axis: getattr(variants, axis) for axis in AXES if getattr(variants, axis)}
    if not axes:
        return
    excluded = [_axes(entry) for entry in variants.exclude]
    for values in product(*axes.values()):
        combination = {axis: str(value) for axis, value in zip(axes, values, strict=True)}
        if not any(entry.items() <= combination.items() for entry in excluded if entry):
            yield combination


def _matching(combination: dict[str, str], variants: Variants) -> list[Include]:
    return [
        entry
        for entry in variants.include
        if all(combination.get(axis) == value for axis, value in _axes(entry).items())
    ]


def _axes(entry: Axes | Include) -> dict[str, str]:
    return {axis: str(getattr(entry, axis)) for axis in AXES if getattr(entry, axis) is not None}


def _suffix(combination: dict[str, str]) -> Iterator[str]:
    """Return the parts of a variant's name: ``cpu``, ``cu121``, ``py311``."""
    prefixes = {"target": "", "cuda": "cu", "python": "py"}
    for axis in AXES:
        if axis in combination:
            yield prefixes[axis] + combination[axis].replace(".", "")


def _merge(image: Image, combination: dict[str, str], entries: list[Include]) -> ImageFields:
    """Return the image's fields under those of the entries and of the combination; the last one to speak wins."""
    fields = {name: getattr(image, name) for name in image.model_fields_set if name != "variants"}
    for entry in entries:
        fields |= {name: getattr(entry, name) for name in entry.model_fields_set - set(AXES)}
    fields |= {axis: value for axis, value in combination.items() if axis != "cuda"}
    torch = fields.get("torch")
    if torch is not None and "cuda" in combination:
        fields["torch"] = torch.model_copy(update={"cuda": combination["cuda"]})
    return ImageFields.model_validate(fields)
