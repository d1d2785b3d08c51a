"""Order among named things: parents first, and what to say about a cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def cycle(parents: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return one cycle as a chain whose last name is its first, or nothing when there is none."""
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def stages(parents: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the names in stages: each one's parents are in earlier stages; sorted within a stage."""
    sorter = TopologicalSorter(parents)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        sorter.done(*ready)
        found.append(ready)
    return tuple(found)


def order(parents: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the names, parents before children; equal on every machine."""
    return tuple(name for stage in stages(parents) for name in stage)


def ancestors(name: str, parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what ``name`` stands on, nearest first."""
    found = dict.fromkeys(parents.get(name, ()))
    queue = list(found)
    for parent in queue:  # grows as it is walked
        more = [above for above in parents.get(parent, ()) if above not in found]
        found |= dict.fromkeys(more)
        queue += more
    return tuple(found)
