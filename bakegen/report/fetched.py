"""How many bytes the installers of a step, or of many, downloaded by their own logs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from bakegen.report.model import Fetched
from bakegen.verdicts.downloads import downloads

if TYPE_CHECKING:
    from bakegen.trace.model import Step

#: Which steps downloaded what, by key; None where a step may have, and its log does not say.
Downloads: TypeAlias = Mapping[str, Fetched | None]
_FETCHES = re.compile(r"\b(?:install|download|sync|update|upgrade|fetch)\b")


def fetched(steps: Sequence[Step]) -> dict[str, Fetched | None]:
    """Return what each executed step of apt, pip and uv downloaded; steps that install nothing are left out."""
    found: dict[str, Fetched | None] = {}
    for step in steps:
        if not step.executed or step.kind not in {"apt", "python"}:
            continue
        if told := downloads(step.log):
            # a line of uv's is one of pip's, but for the suffix of the file: pip's sum has both
            counted = [tool.bytes for name, tool in told.items() if name != "uv" or "pip" not in told]
            amount = Fetched(sum(counted), all(tool.exact for tool in told.values()))
            found[step.key] = amount if amount.bytes or amount.exact else None
        elif _FETCHES.search(step.title):
            found[step.key] = None
    return found


def total(steps: Sequence[Step], kind: Literal["apt", "python"], known: Downloads) -> Fetched | None:
    """Return what steps of a kind downloaded together; None when some did and nobody knows how much."""
    told = [known[step.key] for step in steps if step.kind == kind and step.key in known]
    found = [one for one in told if one is not None]
    whole = Fetched(sum(one.bytes for one in found), len(found) == len(told) and all(one.exact for one in found))
    return whole if whole.bytes or whole.exact else None
