"""Build images in parallel on BuildKit, show how they stand, and keep a record.

    request = BuildRequest(targets=("base", "asr"), root=Path("."), files=(Path("docker-bake.hcl"),))
    result = build(request, display=cli.progress.display())

``targets`` are the selected bake targets, in any order; ``build`` reads from ``definition`` (or asks buildx for it)
which of them stand on which, and bakes more than 100 in waves. ``contexts`` and ``args`` (``{target: {name: value}}``)
override the bake file for this build alone; ``output`` is "default", "load", "push" or "none". The display gets a
Snapshot at most ten times a second and one last time when it is over.

What a build leaves under ``.bakegen/runs/<id>/`` is described in ``rundir``; keep ``.bakegen`` out of build contexts.
"""

from bakegen.build.model import (
    BuildRequest,
    BuildResult,
    Display,
    ImageResult,
    ImageState,
    Outcome,
    Snapshot,
    Status,
)
from bakegen.build.run import World, build

__all__ = [
    "BuildRequest",
    "BuildResult",
    "Display",
    "ImageResult",
    "ImageState",
    "Outcome",
    "Snapshot",
    "Status",
    "World",
    "build",
]
