"""The lock of an adopted family: asked of the registries, without which everything else still stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bakegen.adopt.run import Work
from bakegen.errors import BakegenError, Problem
from bakegen.files import Change
from bakegen.lock import LOCK, Lock, write
from bakegen.locking.update import lock_of, locked
from bakegen.locking.wanted import wanted

if TYPE_CHECKING:
    from bakegen.registry.client import Registry


def pinned(done: Work, registry: Registry, now: datetime) -> tuple[Work, tuple[Problem, ...]]:
    """Return the work with a lock for all that the family takes from registries, and with a bake file that obeys it.

    Where a registry does not answer, or refuses, the work stays as it is and the problems say so: a bake file without a
    lock leaves references as they are written, and `bakegen lock` can be run at any time.
    """
    project = done.project.with_lock(None)
    try:
        wants = wanted(project.plan(), project.manifest.source)
        lock = lock_of(locked(wants, done.project.lock or Lock({}), registry, now, skip=project.family.lock.skip))
        project = project.with_lock(lock)
        rendered = project.changes()
    except BakegenError as error:
        return done, error.problems
    text = write(lock)
    if done.project.lock and done.project.lock.text == text:
        return done, ()
    own = tuple(change for change in done.changes if change.path in done.outcome.texts or change.path == "bakegen.yaml")
    old = done.project.lock.text if done.project.lock else None
    return replace(done, project=project, changes=(*own, Change(LOCK, old, text), *rendered)), ()
