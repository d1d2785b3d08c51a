"""What surrounds the Dockerfiles of a family: what their parents hand down, what they are given, who builds on them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from typing import TypeAlias

from bakegen.advice.bases import known
from bakegen.advice.model import State, Surroundings
from bakegen.advice.state import handed_down
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.family.bake import LINK
from bakegen.plan import Plan, PlannedImage, references
from bakegen.render.bake import parent_names
from bakegen.tree import Tree

#: A Dockerfile's path, text and surroundings -> its text, edited.
Edit: TypeAlias = Callable[[str, str, Surroundings], str]


def as_it_is(_: str, text: str, __: Surroundings) -> str:
    """Return a text without a change."""
    return text


def surroundings(plan: Plan, tree: Tree, edit: Edit = as_it_is) -> Mapping[str, Surroundings]:
    """Return by path what surrounds each Dockerfile of a plan, generated ones too; texts are read from ``tree``.

    Parents come first: what ``edit`` makes of a text, given its path and surroundings, is what the image hands down.
    """
    texts = {image.dockerfile: tree.text(image.dockerfile) or "" for image in plan.images}
    names = frozenset(reference for image in plan.images for reference in references(plan.family, image))
    sharing: dict[str, list[PlannedImage]] = {}
    for image in plan.images:
        sharing.setdefault(image.dockerfile, []).append(image)
    below = _below(plan)
    found: dict[str, Surroundings] = {}
    states: dict[str, State] = {}

    def around(image: PlannedImage) -> Surroundings:
        return Surroundings(
            parents=_parents(image, states),
            args=dict(image.args),
            platforms=image.platforms,
            ignore=_ignore(image, tree),
            images=names,
            children=tuple(dict.fromkeys(texts[name] for name in below[image.name])),
        )

    for image in plan.images:
        path = image.dockerfile
        if path not in found:
            found[path] = reduce(_both, map(around, sharing[path]))
            texts[path] = edit(path, texts[path], found[path])
        if below[image.name]:  # nobody asks what the others hand down
            states[image.name] = _state(image, texts[path], around(image))
    return found


def _parents(image: PlannedImage, states: Mapping[str, State]) -> dict[str, State]:
    """Return what the references of an image's Dockerfile hand down, under each name that they may have there."""
    linked = image.bake.contexts if image.bake else {}
    links = {name: value.removeprefix(LINK) for name, value in linked.items() if value.startswith(LINK)}
    if image.parent is not None:
        links = dict.fromkeys((image.from_ref, *parent_names(image)), image.parent) | links
    found = {name: states.get(parent, State()) for name, parent in links.items()}
    if image.parent is None and image.from_ref:
        state = known(image.from_ref)
        state = replace(state, distro=image.distro or state.distro, python=image.python or state.python)
        found.setdefault(image.from_ref, state)
    return found


def _state(image: PlannedImage, text: str, around: Surroundings) -> State:
    try:
        target = (image.bake.target if image.bake else None) or ""
        return handed_down(parse(text), image.dockerfile, around, target)
    except DockerfileError:
        return State()


def _below(plan: Plan) -> dict[str, list[str]]:
    """Return for each image the Dockerfiles of those that are built on it, directly or not."""
    found: dict[str, dict[str, None]] = {image.name: {} for image in plan.images}
    for image in reversed(plan.images):  # children first
        for parent in image.parents:
            found[parent] |= {image.dockerfile: None, **found[image.name]}
    return {name: list(paths) for name, paths in found.items()}


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
