"""Whether the lock still says what the family needs, and whether the registries still say what the lock does."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bakegen.errors import Problem, Where, by_place
from bakegen.family import LockSettings
from bakegen.lock import LOCK, Lock, Pin
from bakegen.locking.report import short
from bakegen.locking.update import fits
from bakegen.locking.wanted import Wanted
from bakegen.project import Project
from bakegen.registry.workers import concurrently

if TYPE_CHECKING:
    from bakegen.registry.client import Registry

_LOCK_IT = "run: bakegen lock"


def offline(project: Project, wanted: Mapping[str, Wanted]) -> tuple[Problem, ...]:
    """Return where manifest, lock and rendered files disagree; nothing leaves the machine."""
    lock = project.lock
    if lock is None:
        return (Problem(f"there is no {LOCK}", next=_LOCK_IT),)
    found = [problem for want in wanted.values() for problem in _of_pin(want, lock)]
    for written in lock.pins.keys() - wanted.keys():
        what = f"{written} is locked, but the family does not name it any more"
        found.append(Problem(what, lock.places.get(written), next=_LOCK_IT))
    if found:
        return tuple(sorted(found, key=by_place))
    return tuple(
        Problem("this file is not what manifest and lock describe", Where(change.path), next="run: bakegen render")
        for change in project.changes()
    )


def unresolved(wanted: Mapping[str, Wanted], lock: Lock) -> tuple[str, ...]:
    """Return the references whose digest is known, but of no platform."""
    return tuple(written for written, want in wanted.items() if _is_bare(lock.pins.get(written)) and want.platforms)


def _of_pin(want: Wanted, lock: Lock) -> Iterator[Problem]:
    pin = lock.pins.get(want.written)
    if pin is None:
        yield Problem(f"{want.written} is not in {LOCK}", next(iter(want.places), None), next=_LOCK_IT)
        return
    place = lock.places.get(want.written)
    if not fits(want, pin):
        what = f"{want.written} is locked to the tag {pin.resolved.tag}, which the manifest does not take"
        yield Problem(what, place, next=_LOCK_IT)
    missing = sorted(set(want.platforms) - pin.platforms.keys())
    if missing and not _is_bare(pin):
        yield Problem(f"{want.written} is not locked for {', '.join(missing)}", place, next=_LOCK_IT)


def _is_bare(pin: Pin | None) -> bool:
    return pin is not None and not pin.platforms


def remote(
    wanted: Mapping[str, Wanted], lock: Lock, registry: Registry, settings: LockSettings, now: datetime
) -> tuple[Problem, ...]:
    """Return which tags have moved, and which tags and digests are gone, in what the registries say now.

    What the lock knows already, and waits with because of its age, is no problem, nor is what the manifest skips.
    One HEAD request a reference, which does not count as a pull; the new index is read only where a tag has moved, to
    see whether that concerns a platform of the family. Raises RegistryError with all that cannot be asked.
    """
    jobs = [(want, lock.pins[written]) for written, want in wanted.items() if written in lock.pins]

    def ask(job: tuple[Wanted, Pin]) -> Problem | None:
        want, pin = job
        young = {seen.digest for seen in pin.waiting if not settings.min_age or now - seen.first_seen < age}
        return _at_registry(want, pin, registry, lock.places.get(want.written), {*settings.skip, *young})

    age = timedelta(days=settings.min_age)
    return tuple(problem for problem in concurrently(ask, jobs) if problem)


def _at_registry(
    want: Wanted, pin: Pin, registry: Registry, place: Where | None, left: Collection[str]
) -> Problem | None:
    """Return what is wrong with one pin; ``left`` are digests that are not to be taken, or not yet."""
    now = None if want.by_hand else registry.digest(pin.resolved)
    if now == pin.digest:
        return None
    upgrade = f"run: bakegen lock --upgrade {want.bases[0] if want.bases else want.written}"
    if registry.digest(replace(pin.resolved, digest=pin.digest)) is None:
        what = f"{want.written}: the registry does not have {pin.digest} any more"
        tip = "write another digest where it is written" if want.by_hand else upgrade
        return Problem(what, place, concerned(want), tip if want.by_hand or now else "take another tag: it is gone too")
    if want.by_hand:
        return None
    if now is None:
        what = f"{want.written}: the registry does not have the tag {pin.resolved.tag} any more"
        return Problem(what, place, concerned(want), "its digest is still there; take another tag before it goes")
    if now in left or _same(pin, found := registry.platforms(pin.resolved)) or not set(left).isdisjoint(found.values()):
        return None
    what = f"{want.written} has moved: {short(pin.digest)} is now {short(now)}"
    return Problem(what, place, concerned(want), upgrade)


def _same(pin: Pin, found: Mapping[str, str]) -> bool:
    """Return whether an index has the images of a pin, for the platforms that the family uses."""
    return bool(pin.platforms) and all(found.get(name) == digest for name, digest in pin.platforms.items())


def concerned(want: Wanted) -> str:
    """Return the images that a reference concerns, in lines of 80 columns below a problem."""
    if not want.images:
        return "no image uses it"
    text = f"images: {', '.join(want.images)}"
    return "\n    ".join(textwrap.wrap(text, 76, break_long_words=False, break_on_hyphens=False))
