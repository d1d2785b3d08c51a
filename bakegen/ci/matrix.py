"""A selection as GitHub Actions matrices, one a dependency stage.

Limits: 256 jobs a matrix (https://docs.github.com/actions/reference/limits), 1 MB of outputs a job, and a matrix without
a cell is an error, so a stage that is not there has no output at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil

from bakegen.errors import Problem, UsageError
from bakegen.family import Target
from bakegen.plan import Plan

MAX_JOBS = 256
MAX_OUTPUT = 1_000_000  # bytes; an upper bound of characters in UTF-16 is half of GitHub's 1 MB


@dataclass(frozen=True, slots=True)
class Cell:
    """One job of a matrix: images of one target that build together."""

    images: tuple[str, ...]
    target: str

    def to_dict(self) -> dict[str, str]:
        """Return the cell as the workflow reads it: ``matrix.images`` is ready for the command line."""
        return {
            "name": self.images[0] + (f" +{len(self.images) - 1}" if len(self.images) > 1 else ""),
            "images": " ".join(self.images),
            "target": self.target,
        }


def stages(plan: Plan, names: Sequence[str], *, max_jobs: int = MAX_JOBS) -> tuple[tuple[Cell, ...], ...]:
    """Return the cells of each stage; a stage's images stand only on images of earlier stages or outside the selection.

    A stage of more than ``max_jobs`` images gets cells of several images, never mixing targets.
    """
    return tuple(_cells(plan, stage, max_jobs) for stage in plan.stages(names))


def _cells(plan: Plan, stage: Sequence[str], max_jobs: int) -> tuple[Cell, ...]:
    wanted = set(stage)
    kinds = [
        [image.name for image in plan.images if image.name in wanted and image.target == target] for target in Target
    ]
    limit = max(max_jobs, len(kinds))
    size = next(size for size in count(1) if sum(ceil(len(images) / size) for images in kinds) <= limit)
    return tuple(
        Cell(tuple(sorted(images)[start : start + size]), str(target))
        for target, images in zip(Target, kinds, strict=True)
        for start in range(0, len(images), size)
    )


def to_json(found: Sequence[Sequence[Cell]]) -> dict[str, object]:
    """Return the stages as one JSON value: ``{"stages": [{"include": [...]}, ...]}``."""
    return {"stages": [{"include": [cell.to_dict() for cell in stage]} for stage in found]}


def github_outputs(found: Sequence[Sequence[Cell]], *, stages_in_workflow: int) -> str:
    """Return lines for $GITHUB_OUTPUT: ``stage1={"include": [...]}`` and on; only stages that have a cell.

    Raises UsageError when the workflow has fewer stages than the family, or the outputs exceed GitHub's limit.
    """
    if len(found) > stages_in_workflow:
        raise UsageError(
            Problem(
                f"the selection builds in {len(found)} stages, the workflow has {stages_in_workflow}",
                next=f"add jobs up to stage{len(found)} and pass --stages {len(found)}",
            )
        )
    lines = [
        f"stage{number}={json.dumps({'include': [cell.to_dict() for cell in stage]}, separators=(',', ':'))}"
        for number, stage in enumerate(found, 1)
        if stage
    ]
    text = "\n".join(lines)
    if len(text.encode()) > MAX_OUTPUT:
        raise UsageError(
            Problem(
                f"the matrices have {len(text.encode())} bytes; GitHub takes 1 MB a job", next="select fewer images"
            )
        )
    return text
