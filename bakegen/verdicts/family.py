"""The environments of a planned family, from the Dockerfiles that are rendered or written by hand."""

from __future__ import annotations

from collections.abc import Mapping

from bakegen.external import DEFAULT_PLATFORM, dockerfile_text
from bakegen.family.bake import LINK
from bakegen.plan import Plan, PlannedImage
from bakegen.render.bake import parent_names
from bakegen.tree import Tree
from bakegen.verdicts.environment import Source, environments


def family_environments(plan: Plan, tree: Tree) -> Mapping[str, Mapping[str, str]]:
    """Return what ``environments`` says of a plan's images; Dockerfiles are read from ``tree``.

    What the configuration of a base sets is not known here, and counts as nothing.
    """
    sources = {image.name: _source(image, tree) for image in plan.images}
    return environments(sources, {}, DEFAULT_PLATFORM)


def _source(image: PlannedImage, tree: Tree) -> Source:
    """Return the Dockerfile of an image; FROM may name its parent in full, or by what stands for it in the bake file."""
    names = (image.from_ref, *parent_names(image))
    parents = dict.fromkeys(names, image.parent) if image.parent else {}
    linked = image.bake.contexts if image.bake else {}
    parents |= {name: value.removeprefix(LINK) for name, value in linked.items() if value.startswith(LINK)}
    text = tree.text(image.dockerfile) if image.generated else dockerfile_text(image, tree)
    target = image.bake.target if image.bake else None
    return Source(image.shown, text or "", dict(image.args), parents, target or "")
