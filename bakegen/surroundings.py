"""What surrounds the Dockerfiles of a family: what their parents hand down, what they are given, who builds on them."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from bakegen.advice.bases import known
from bakegen.advice.model import State, Surroundings
from bakegen.advice.state import handed_down
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.plan import Plan, PlannedImage, full_reference
from bakegen.render import parent_names
from bakegen.tree import Tree


def surroundings(plan: Plan, tree: Tree) -> Mapping[str, Surroundings]:
    """Return by path what surrounds each Dockerfile of a plan, generated ones too; texts are read from ``tree``."""
    texts = {image.dockerfile: tree.text(image.dockerfile) or "" for image in plan.images}
    names = frozenset(full_reference(plan.family, tag) for image in plan.images for tag in image.tags)
    found: dict[str, Surroundings] = {}
    states: dict[str, State] = {}
    for image in plan.images:  # parents first
        around = Surroundings(
            parents=_parents(image, states),
            args=dict(image.args),
            platforms=image.platforms,
            ignore=_ignore(image, tree),
            images=names,
            children=tuple(dict.fromkeys(texts[child.dockerfile] for child in _below(plan, image.name))),
        )
        states[image.name] = _state(image, texts[image.dockerfile], around)
        earlier = found.get(image.dockerfile)
        found[image.dockerfile] = _both(earlier, around) if earlier else around
    return found


def _parents(image: PlannedImage, states: Mapping[str, State]) -> dict[str, State]:
    """Return what the reference of an image's FROM hands down, under each name that it may have there."""
    if image.parent is not None:
        return dict.fromkeys((image.from_ref, *parent_names(image)), states.get(image.parent, State()))
    state = known(image.from_ref)
    return {image.from_ref: replace(state, distro=image.distro or state.distro, python=image.python or state.python)}


def _state(image: PlannedImage, text: str, around: Surroundings) -> State:
    try:
        return handed_down(parse(text), image.dockerfile, around)
    except DockerfileError:
        return State()


def _below(plan: Plan, name: str) -> list[PlannedImage]:
    """Return the images that are built on one, directly or not."""
    children = [image for image in plan.images if image.parent == name]
    return [*children, *(deeper for child in children for deeper in _below(plan, child.name))]


def _ignore(image: PlannedImage, tree: Tree) -> tuple[str, ...] | None:
    """Return the lines of the .dockerignore that holds for an image: its Dockerfile's own, or the context's."""
    for path in (f"{image.dockerfile}.dockerignore", posixpath.normpath(f"{image.context}/.dockerignore")):
        if tree.kind(path) == "file" and (text := tree.text(path)) is not None:
            return tuple(text.split("\n"))
    return None


def _both(one: Surroundings, other: Surroundings) -> Surroundings:
    """Return what holds where two images are built from one Dockerfile: only what is the same for both."""
    return replace(
        one,
        parents={**one.parents, **other.parents},
        args={name: value for name, value in one.args.items() if other.args.get(name) == value},
        platforms=tuple(dict.fromkeys((*one.platforms, *other.platforms))),
        children=tuple(dict.fromkeys((*one.children, *other.children))),
    )
