"""The plan as people and programs look at it: rows, trees and graphs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bakegen.plan import Plan, PlannedImage, references


def rows(plan: Plan, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row an image, for tables and JSON."""
    return [
        {
            "image": image.name,
            "target": str(image.target),
            "from": next(iter(image.parents), image.base) or "",
            "tags": list(references(plan.family, image)),
            "python": image.python,
            "dockerfile": image.dockerfile,
            "generated": image.generated,
            "platforms": list(image.platforms),
            "description": image.description,
        }
        for image in map(plan.__getitem__, names)
    ]


def tree(plan: Plan, names: Sequence[str]) -> str:
    """Return the images as a tree under their bases; images outside of ``names`` stand only where they carry others."""
    shown = _with_ancestors(plan, names)
    children: dict[str, list[str]] = {}
    for image in shown:
        children.setdefault(next(iter(image.parents), _root(image)), []).append(image.name)
    lines: list[str] = []
    for root in sorted({_root(image) for image in shown if not image.parents}):
        base = plan.family.bases.get(root)
        lines.append(f"{root}  {base.ref.name}:{base.ref.tag or 'latest'}" if base else root)
        lines += _branch(root, children)
    return "\n".join(lines)


def _branch(root: str, children: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Return the lines below a root; a stack of our own, for chains are deeper than Python's."""
    stack = [(name, "", last) for name, last in _marked(children.get(root, ()))]
    while stack:
        name, indent, last = stack.pop()
        yield f"{indent}{'└── ' if last else '├── '}{name}"
        below = indent + ("    " if last else "│   ")
        stack += [(child, below, last) for child, last in _marked(children.get(name, ()))]


def _marked(names: Sequence[str]) -> list[tuple[str, bool]]:
    """Return names in reverse, each with whether it is the last in order."""
    return [(name, index == 0) for index, name in enumerate(sorted(names, reverse=True))]


def mermaid(plan: Plan, names: Sequence[str]) -> str:
    """Return the images as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""
    shown = _with_ancestors(plan, names)
    ids = {name: f"n{index}" for index, name in enumerate(_nodes(shown))}
    lines = ["flowchart LR", *(f'  {ids[name]}["{name}"]' for name in ids)]
    lines += [f"  {ids[above]} --> {ids[image.name]}" for image in shown for above in image.parents or (_root(image),)]
    return "\n".join(lines)


def dot(plan: Plan, names: Sequence[str]) -> str:
    """Return the images as a Graphviz graph (https://graphviz.org/doc/info/lang.html)."""
    shown = _with_ancestors(plan, names)
    lines = ["digraph family {", "  rankdir=LR;", "  node [shape=box];"]
    edges = [(above, image.name) for image in shown for above in image.parents or (_root(image),)]
    lines += [f"  {json.dumps(above)} -> {json.dumps(name)};" for above, name in edges]
    return "\n".join([*lines, "}"])


def graph_json(plan: Plan, names: Sequence[str]) -> str:
    """Return the images with their parents and bases as JSON."""
    nodes = [
        {
            "image": image.name,
            "parent": next(iter(image.parents), None),
            "parents": list(image.parents),
            "base": image.base,
            "target": str(image.target),
        }
        for image in _with_ancestors(plan, names)
    ]
    return json.dumps({"family": plan.family.family, "images": nodes}, indent=2)


FORMATS: dict[str, Callable[[Plan, Sequence[str]], str]] = {
    "tree": tree,
    "mermaid": mermaid,
    "dot": dot,
    "json": graph_json,
}


def _root(image: PlannedImage) -> str:
    return image.base or "(hand-written)"


def _with_ancestors(plan: Plan, names: Sequence[str]) -> tuple[PlannedImage, ...]:
    wanted = set(names)
    for image in reversed(plan.images):
        if image.name in wanted:
            wanted.update(image.parents)
    return tuple(image for image in plan.images if image.name in wanted)


def _nodes(images: Sequence[PlannedImage]) -> list[str]:
    roots = sorted({_root(image) for image in images if not image.parents})
    return [*roots, *(image.name for image in images)]
