"""The record of a run folded into its trace.

BuildKit's digests are not steps. Targets that share a step name one digest; the same step has another digest in the
next bake, when it depends on files that are sent anew; a parent and its child may have steps of the same name. So two
digests are one step when an image has both as its own under the same name, and a digest is one step wherever it stands.

What BuildKit does not say is added: an export has the last steps of its image as its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from bakegen.engine.names import StepName
from bakegen.trace.commands import caches_of, kind_of
from bakegen.trace.model import Step, Trace
from bakegen.trace.owners import ancestors, owners
from bakegen.trace.seen import bakes

if TYPE_CHECKING:
    from bakegen.trace.seen import Bake, Seen

Interval: TypeAlias = tuple[float, float]
NAMELESS = StepName("", "", internal=True)


@dataclass(slots=True)
class _Group:
    """One step: what each bake said of each of its digests, who owns it and who has it."""

    key: str
    parts: list[tuple[Bake, str, Seen]] = field(default_factory=list)
    images: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    name: StepName = NAMELESS
    inputs: dict[str, None] = field(default_factory=dict)


def trace(lines: Iterable[bytes]) -> Trace:
    """Return the trace of a run from its ``events.ndjson``; lines that are no events count for nothing.

    The order of the lines within a bake, and repeated ones, make no difference but to what the steps printed.
    """
    run = bakes(lines)
    lineage = ancestors(run)
    order = {image: place for place, image in enumerate(lineage)}
    groups = _groups(run, lineage)
    _link(groups, order)
    steps = [_step(group, order) for group in groups.values()]
    steps.sort(key=lambda step: (step.began is None, step.began or 0.0, step.key))
    starts = [step.intervals[0][0] for step in steps if step.intervals]
    ends = [step.intervals[-1][1] for step in steps if step.intervals]
    errors = {step.key: _error(groups[step.key]) for step in steps if step.failed}
    began = tuple(sorted(bake.since for bake in run if bake.since))
    return Trace(tuple(lineage), tuple(steps), min(starts, default=0.0), max(ends, default=0.0), errors, began)


def _groups(run: Sequence[Bake], lineage: Mapping[str, frozenset[str]]) -> dict[str, _Group]:
    """Return the steps by key: what shares a digest is one, and what an owner calls the same."""
    union = _Union()
    for bake in run:
        for digest, seen in bake.seen.items():
            union.find(digest)
            for image in owners(seen.names, lineage) or {""} & seen.names.keys():
                union.join(digest, (image, seen.names[image]))
    groups: dict[str, _Group] = {}
    for bake in run:
        for digest, seen in sorted(bake.seen.items()):
            key = union.find(digest)
            group = groups.get(key) or groups.setdefault(key, _Group(key))
            group.parts.append((bake, digest, seen))
            group.images |= owners(seen.names, lineage)
            group.users |= seen.names.keys()
            group.inputs.update(dict.fromkeys(union.find(digest) for digest in seen.inputs))
    for group in groups.values():
        group.images = owners(group.images, lineage)
        group.inputs = {key: None for key in group.inputs if key in groups and key != group.key}
    return groups


class _Union:
    """Digests and names that mean the same; the smallest digest stands for all of them."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._named: dict[object, str] = {}

    def find(self, digest: str) -> str:
        """Return what stands for a digest."""
        path = []
        while (parent := self._parent.setdefault(digest, digest)) != digest:
            path.append(digest)
            digest = parent
        for passed in path:
            self._parent[passed] = digest
        return digest

    def join(self, digest: str, name: object) -> None:
        """Take in that a digest goes by a name."""
        low, high = sorted((self.find(digest), self.find(self._named.setdefault(name, digest))))
        self._parent[high] = low


def _link(groups: Mapping[str, _Group], order: Mapping[str, int]) -> None:
    """Name every step after the first image that owns it, and let exports wait for the last steps of their image."""
    used: dict[str, set[str]] = {image: set() for image in order}
    for group in groups.values():
        group.name = _name(group, order)
        for image in group.users & order.keys():
            used[image].update(group.inputs)
    for group in groups.values():
        if group.name.exports:
            group.inputs.update(
                (key, None)
                for key, other in groups.items()
                for image in group.images & other.users
                if key not in used[image] and kind_of(other.name) not in {"export", "internal"}
            )


def _name(group: _Group, order: Mapping[str, int]) -> StepName:
    """Return what the first image that owns a step calls it."""
    names = [item for _, _, seen in group.parts for item in seen.names.items()]
    own = [item for item in names if item[0] in group.images] or names
    best = min(own, key=lambda item: (order.get(item[0], -1), item[1].text, item[1].stage), default=("", NAMELESS))
    return best[1]


def _step(group: _Group, order: Mapping[str, int]) -> Step:
    name, seen = group.name, [part for _, _, part in group.parts]
    final = [part for bake, _, part in group.parts if bake is group.parts[-1][0]]
    failed = any(part.error for part in final)
    numbered = not name.text.startswith("LINK ")  # nor is a LINK COPY cancelled that some target has seen done
    return Step(
        key=group.key,
        title=name.text,
        kind=kind_of(name),
        images=tuple(sorted(group.images, key=order.__getitem__)),
        digests=frozenset(digest for _, digest, _ in group.parts),
        inputs=tuple(group.inputs),
        number=name.number if numbered else 0,
        count=name.count if numbered else 0,
        stage=name.stage,
        platform=name.platform,
        cached=any(part.ended for part in final) and not any(part.fresh for part in seen),
        failed=failed,
        cancelled=not failed and any(part.stopped and (numbered or not part.ended) for part in final),
        intervals=_merged(run for bake, _, part in group.parts for run in part.intervals(bake.since, bake.until)),
        caches=caches_of(name.text),
        moved=sum(sum(part.moved.values()) for part in seen),
        log=tuple(line for part in seen for line in part.log),
    )


def _error(group: _Group) -> str:
    return max(part.error for _, _, part in group.parts)


def _merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the intervals in order, those that touch or overlap made one."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
