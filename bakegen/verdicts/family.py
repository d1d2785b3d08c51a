"""The environments of a planned family, from the Dockerfiles that are rendered or written by hand."""

from __future__ import annotations

from collections.abc import Mapping

from bakegen import graph
from bakegen.external import DEFAULT_PLATFORM, dockerfile_text
from bakegen.family.bake import LINK
from bakegen.plan import Plan, PlannedImage
from bakegen.render.bake import parent_names
from bakegen.tree import Tree
from bakegen.verdicts.environment import Source, base_environment, environments


def family_environments(
    plan: Plan, tree: Tree, built: Mapping[str, Mapping[str, str]] | None = None
) -> Mapping[str, Mapping[str, str]]:
    """Return what ``environments`` says of a plan's images; Dockerfiles are read from ``tree``.

    ``built`` are variables in the configuration of images as they were built, by name: those that no Dockerfile sets come
    from the base. Of a base on which no such image stands, the variables count as none.
    """
    sources = {image.name: _source(image, tree) for image in plan.images}
    alone = environments(sources, {}, DEFAULT_PLATFORM)
    bases: dict[str, dict[str, str]] = {}
    for name, values in (built or {}).items():
        if reference := _base_of(plan, name):
            rest = {variable: value for variable, value in values.items() if variable not in alone[name]}
            bases.setdefault(reference, base_environment(rest, reference))
    return environments(sources, bases, DEFAULT_PLATFORM) if bases else alone


def _base_of(plan: Plan, name: str) -> str:
    """Return the external image at the bottom of an image, as FROM names it; "" where a hand-written file may have others."""
    known = {image.name: image for image in plan.images}
    line = [known[each] for each in (name, *graph.ancestors(name, plan.parents))] if name in known else []
    return line[-1].from_ref if line and all(image.generated for image in line) else ""


def _source(image: PlannedImage, tree: Tree) -> Source:
    """Return the Dockerfile of an image; FROM may name its parent in full, or by what stands for it in the bake file."""
    names = (image.from_ref, *parent_names(image))
    parents = dict.fromkeys(names, image.parent) if image.parent else {}
    linked = image.bake.contexts if image.bake else {}
    parents |= {name: value.removeprefix(LINK) for name, value in linked.items() if value.startswith(LINK)}
    text = tree.text(image.dockerfile) if image.generated else dockerfile_text(image, tree)
    target = image.bake.target if image.bake else None
    return Source(image.shown, text or "", dict(image.args), parents, target or "")
