"""A fault, and where it stands in the manifest."""

from __future__ import annotations

from dataclasses import dataclass

from bakegen.family.expand import Variant
from bakegen.family.source import Loc


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, at a location of the manifest's tree."""

    loc: Loc
    what: str
    next: str = ""
    why: str = ""
    on_key: bool = False


def at(variant: Variant, field: str | None = None, *more: str | int) -> Loc:
    """Return the location of an image's definition, of one of its fields, or of what lies within that."""
    return ("images", variant.origin, *((field,) if field else ()), *more)
