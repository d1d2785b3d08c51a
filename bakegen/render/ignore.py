"""What a build is not sent."""

from __future__ import annotations

from bakegen.plan import Plan

#: What accumulates beside Python projects and no image is built from.
LITTER = (
    ".git",
    ".bakegen",
    ".venv",
    "venv",
    "**/__pycache__",
    "**/*.py[cod]",
    "**/.pytest_cache",
    "**/.mypy_cache",
    "**/.ruff_cache",
    "**/.ipynb_checkpoints",
    "**/.DS_Store",
    "**/node_modules",
    ".env",
    ".idea",
    ".vscode",
)


def dockerignore(plan: Plan, programs: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the lines of .dockerignore; ``programs`` are generated files that steps mount.

    When every image is generated, all is ignored but what the images copy or mount. A hand-written Dockerfile may copy
    anything, so with one in the family only litter is.
    """
    if any(not image.generated for image in plan.images):
        return LITTER
    kept = sorted({*programs, *(source for image in plan.images for source in image.sources)})
    if "." in kept:
        return LITTER
    return ("*", *(f"!{path}" for path in kept), "**/__pycache__", "**/*.py[cod]")
