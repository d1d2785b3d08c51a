"""Typed families of container images: models, rendering, and parallel builds on BuildKit.

The Python API::

    import bakegen

    project = bakegen.load("bakegen.yaml")
    project.plan().select(["gpu"])      # names, parents first
    project.render()["docker-bake.hcl"]  # text
    project.write()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bakegen.errors import BakegenError
    from bakegen.family import Family
    from bakegen.plan import Plan
    from bakegen.project import Project, load

__all__ = ["BakegenError", "Family", "Plan", "Project", "load"]

_HOMES = {
    "BakegenError": "bakegen.errors",
    "Family": "bakegen.family",
    "Plan": "bakegen.plan",
    "Project": "bakegen.project",
    "load": "bakegen.project",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as PEP 562 has it; the import is lazy because pydantic takes 0.1 s
    """Return a public name from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bakegen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
