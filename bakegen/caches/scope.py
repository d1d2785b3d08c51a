"""A project on an engine: its mounts, what the engine holds, the image whose tar is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakegen.caches.family import FamilyMount, Held, family_mounts, held
from bakegen.engine.du import CacheMountUsage, cache_mounts
from bakegen.engine.info import inspect_builder
from bakegen.errors import Problem, UsageError
from bakegen.external import dockerfile_text
from bakegen.files import DiskTree
from bakegen.plan import Plan
from bakegen.project import Project


@dataclass(frozen=True, slots=True)
class Scope:
    """The mounts of a family, and what one engine has of them.

    With ``forgets``, a prune on it can make it forget layers that it does not remove (engine/prune.py).
    """

    plan: Plan
    platform: str
    mounts: tuple[FamilyMount, ...]
    records: tuple[CacheMountUsage, ...]
    forgets: bool = False

    @property
    def held(self) -> tuple[Held, ...]:
        """Each id of the family with what the engine holds of it."""
        return held(self.mounts, self.records)


def scope(project: Project, docker_cmd: Sequence[str], builder: str | None = None) -> Scope:
    """Return a family's mounts on the engine of a builder; takes about a second. Raises EngineError and ManifestError."""
    plan = project.plan()
    mounts_of = _dockerfiles(project, plan)
    found = inspect_builder(docker_cmd, builder)
    platform = next(iter(found.platforms), "linux/amd64")
    records = cache_mounts(docker_cmd, builder)
    return Scope(plan, platform, family_mounts(plan.images, mounts_of, platform), records, found.containerd_store)


def _dockerfiles(project: Project, plan: Plan) -> dict[str, str]:
    """Return the text of each Dockerfile of the family: as it is rendered, or as the user wrote it."""
    tree, rendered = DiskTree(project.root), project.render()
    return {
        image.shown: rendered[image.dockerfile] if image.generated else dockerfile_text(image, tree) or ""
        for image in plan.images
    }


def tools_image(plan: Plan, substitutes: Mapping[str, str], using: str | None) -> str:
    """Return the image whose shell and tar are used: ``using``, else the family's first base, as FROM has it.

    ``substitutes`` are references that stand for bases, by name. Raises UsageError when a family has no base.
    """
    if using:
        return using
    for image in plan.images:
        if image.base:
            return substitutes.get(image.base) or str(plan.bases[image.base])
        for external in image.externals:
            if external.kind == "from":
                return dict(image.redirects).get(external.written, external.written).removeprefix("docker-image://")
    raise UsageError(
        Problem("no image of the family stands on a base", next="name an image that has tar with --using REF")
    )
