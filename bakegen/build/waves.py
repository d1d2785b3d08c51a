"""How many bake targets one bake may solve at once.

When very many targets are solved together, buildx asks for a job that the engine has not begun yet, and BuildKit waits
6 s for it before it says "no such job" (solver/jobs.go, Solver.Get; docker/buildx#3810). On two idle CPUs 130 trivial
targets pass and 160 fail, on busy ones 130 fail. So a large selection is baked in waves; what an earlier wave built, a
later one finds cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AT_ONCE = 100  # up to here one bake solves all: it loses nothing, and no image waits for another wave's slowest
WAVE = 50


def waves(
    targets: Sequence[str], lineage: Mapping[str, frozenset[str]], *, limit: int = WAVE, at_once: int = AT_ONCE
) -> tuple[tuple[str, ...], ...]:
    """Return ``targets`` cut into waves that solve at most ``limit`` targets each, linked ancestors included.

    One wave when no more than ``at_once`` would be solved in all. A target with more than ``limit`` ancestors gets a wave
    of its own. ``targets`` must stand in dependency order; ``lineage`` is each one's ancestors and itself.
    """
    if len(union(targets, lineage)) <= at_once:
        return (tuple(targets),) if targets else ()
    closed: list[tuple[str, ...]] = []
    wave: list[str] = []
    solved: frozenset[str] = frozenset()
    for target in targets:
        if wave and len(solved | lineage[target]) > limit:
            closed.append(tuple(wave))
            wave, solved = [], frozenset()
        wave.append(target)
        solved |= lineage[target]
    return (*closed, tuple(wave))


def union(targets: Iterable[str], lineage: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return all targets that a bake of ``targets`` solves: themselves and their ancestors."""
    return frozenset[str]().union(*(lineage[target] for target in targets))


def lineages(parents: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return each target's ancestors and itself, parents before children.

    A parent that is no target itself counts as one without parents; a loop, which bake refuses, ends at itself.
    """
    done: dict[str, frozenset[str]] = {}
    for target in parents:
        stack = [target]
        opened: set[str] = set()
        while stack:
            name = stack[-1]
            missing = [parent for parent in parents.get(name, ()) if parent not in done and parent not in opened]
            opened.add(name)
            if missing and name not in done:
                stack.extend(missing)
                continue
            stack.pop()
            if name not in done:
                own = (done.get(parent, frozenset({parent})) for parent in parents.get(name, ()))
                done[name] = frozenset({name}).union(*own)
    return done
