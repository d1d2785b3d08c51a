"""One run of ``bakegen lock``: from what is asked to the files that change, none of which is touched before ``apply``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bakegen import files
from bakegen.errors import FilesError, ManifestError, Problem, UsageError, Where
from bakegen.family.load import nearest
from bakegen.files import Change, DiskTree, ExactTree
from bakegen.lock import LOCK, Lock, write
from bakegen.locking import edits, update
from bakegen.locking.update import Step, lock_of
from bakegen.locking.wanted import Wanted
from bakegen.plan import match
from bakegen.project import Project

if TYPE_CHECKING:
    from bakegen.registry.client import Registry


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command line."""

    upgrade: bool = False
    bases: tuple[str, ...] = ()
    #: days; None means what the manifest says
    min_age: int | None = None
    in_place: bool = False
    from_dockerfiles: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a run comes to: a step a reference, and the files that change."""

    root: Path
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    #: places in Dockerfiles where a digest cannot be written
    left: tuple[Where, ...] = ()

    def apply(self) -> tuple[Change, ...]:
        """Write the changes, all or none, and return them. A file that is not what was read is a FilesError."""
        for change in self.changes:
            if files.read_text(self.root, change.path) != change.old:
                what = "another program has changed this file meanwhile"
                raise FilesError(Problem(what, Where(change.path), next="run the command again"))
        files.apply(self.root, self.changes)
        return self.changes


def run(project: Project, wanted: Mapping[str, Wanted], asked: Asked, registry: Registry, now: datetime) -> Result:
    """Return what ``bakegen lock`` comes to. Raises RegistryError, ManifestError and UsageError; writes nothing."""
    plan = project.with_lock(None).plan()
    steps = _steps(project, wanted, asked, registry, now)
    lock = lock_of(steps)
    changed: dict[str, Change] = {}
    left: tuple[Where, ...] = ()
    if asked.in_place:
        tree = ExactTree(project.root)
        done = edits.in_place(plan, project.lock or Lock({}), lock, tree)
        lock, left = done.lock, done.left
        for path, text in sorted(done.texts.items()):
            real = files.resolved(project.root, path)  # a link stays one
            changed[real] = Change(real, tree.text(path), text)
    else:
        _check(project, lock, steps)
    old, new = project.lock.text if project.lock else None, write(lock)
    if old is None or old.replace("\r\n", "\n") != new:
        real = files.resolved(project.root, LOCK)
        changed = {real: Change(real, old, new), **changed}
    return Result(project.root, steps, tuple(changed.values()), left)


def _check(project: Project, lock: Lock, steps: Iterable[Step]) -> None:
    """Raise a ManifestError for a lock that the images cannot stand on, such as one that moves Python under them."""
    try:
        project.with_lock(lock).plan()
    except ManifestError as error:
        moved = [s for s in steps if s.before and s.after and s.before.resolved.tag != s.after.resolved.tag]
        tip = "narrow its 'tags', or name what else to move: bakegen lock --upgrade BASE"
        hints = [Problem(f"'tags' leads {s.written} to {s.after.resolved.tag}", next=tip) for s in moved if s.after]
        raise ManifestError(*error.problems, *hints) from None


def _steps(
    project: Project, wanted: Mapping[str, Wanted], asked: Asked, registry: Registry, now: datetime
) -> tuple[Step, ...]:
    lock, settings = project.lock or Lock({}), project.family.lock
    if asked.from_dockerfiles:
        return edits.taken_over(project, wanted, DiskTree(project.root), registry, now)
    if not asked.upgrade:
        return update.locked(wanted, lock, registry, now, skip=settings.skip)
    chosen = select(wanted, asked.bases)
    min_age = timedelta(days=settings.min_age if asked.min_age is None else asked.min_age)
    if asked.in_place:  # moves what is written by hand in Dockerfiles, by writing it there again
        wanted = {name: replace(want, by_hand=bool(want.by_hand and want.bases)) for name, want in wanted.items()}
    return update.upgraded(wanted, lock, registry, now, min_age=min_age, chosen=chosen, skip=settings.skip)


def select(wanted: Mapping[str, Wanted], words: Iterable[str]) -> tuple[str, ...]:
    """Return the references that names of bases, references and globs of both stand for; all without words.

    An unknown word is a UsageError that names the nearest known one.
    """
    words = list(words)
    if not words:
        return tuple(wanted)
    chosen: dict[str, None] = {}
    problems = []
    for word in words:
        found = [name for name, want in wanted.items() if match(word, (name, *want.bases))]
        if not found:
            known = [*wanted, *(base for want in wanted.values() for base in want.bases)]
            close = nearest(word, known)
            tip = f"did you mean {close}?" if close else f"known: {', '.join(known)}"
            problems.append(Problem(f"no base or reference {word!r} in the family", next=tip))
        chosen |= dict.fromkeys(found)
    if problems:
        raise UsageError(*problems)
    images = {wanted[name].ref.canonical for name in chosen}
    return tuple(name for name, want in wanted.items() if want.ref.canonical in images)  # however they are spelled
