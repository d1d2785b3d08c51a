"""What is left of a manifest when its invalid values are cut out, so that the rest can be checked in the same go."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from bakegen.family.models import Family
from bakegen.family.source import Loc

#: What must be there and matters to no check.
_STAND_INS: dict[str, Any] = {"version": 1, "family": "family"}
_ROUNDS = 5  # a cut may uncover the next problem, such as a model that is validated as a whole


def salvage(data: dict[str, Any]) -> tuple[Family | None, frozenset[Loc]]:
    """Return the valid rest of a manifest's values, or None when too little is left, and the locations that were cut out."""
    rest = deepcopy(data)
    cut: set[Loc] = set()
    for _ in range(_ROUNDS):
        try:
            return Family.model_validate(rest), frozenset(cut)
        except ValidationError as error:
            cut |= {_cut(rest, detail["loc"]) for detail in error.errors(include_url=False)}
    return None, frozenset(cut)


def _cut(rest: dict[str, Any], loc: Loc) -> Loc:
    """Drop what stands at ``loc``, or the whole field when that is inside a list, and return its location."""
    if loc[0] in _STAND_INS:
        rest[str(loc[0])] = _STAND_INS[str(loc[0])]
        return loc[:1]
    place: Loc = ()
    parent: Any = {}
    node: Any = rest
    for step in loc:
        if not isinstance(node, dict) or step not in node:
            break
        place, parent, node = (*place, step), node, node[step]
    if place:
        parent.pop(place[-1])
    return place or loc
