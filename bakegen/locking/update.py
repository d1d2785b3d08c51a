"""Making and moving pins: what the registry says now, against what the lock says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from bakegen.errors import ManifestError, Problem, RegistryError, Where
from bakegen.family.tags import newest, version_in
from bakegen.lock import Lock, Pin, Seen
from bakegen.locking.wanted import Wanted
from bakegen.refs import ImageRef
from bakegen.registry.workers import concurrently

if TYPE_CHECKING:
    from bakegen.registry.client import Registry  # its urllib3 takes 0.05 s, which an offline check need not

_Known = TypeVar("_Known", bound=Seen)
State = Literal[
    "locked",  # it was not in the lock
    "moved",  # it has another digest than before
    "waiting",  # the registry has a newer one, which is too young
    "current",  # nothing newer that concerns the family
    "kept",  # not looked at
    "by hand",  # its digest is written by hand
    "gone",  # the registry does not have the tag any more
    "dropped",  # the family does not name it any more
]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one reference."""

    written: str
    state: State
    before: Pin | None = None
    after: Pin | None = None


def lock_of(steps: Collection[Step]) -> Lock:
    """Return the lock that the steps lead to."""
    return Lock({step.written: step.after for step in steps if step.after})


def locked(
    wanted: Mapping[str, Wanted], lock: Lock, registry: Registry, now: datetime, *, skip: Collection[str] = ()
) -> tuple[Step, ...]:
    """Return the steps to a lock that knows all that is wanted and nothing else; what it knows stays as it is.

    Raises RegistryError with everything that the registries cannot answer.
    """
    work = _Work(lock, registry, now, skip=frozenset(skip))
    return (*concurrently(work.complete, wanted.values()), *_dropped(wanted, lock))


def upgraded(  # noqa: PLR0913 - what there is, and what is asked for
    wanted: Mapping[str, Wanted],
    lock: Lock,
    registry: Registry,
    now: datetime,
    *,
    min_age: timedelta,
    chosen: Collection[str],
    skip: Collection[str] = (),
) -> tuple[Step, ...]:
    """Return the steps to a lock whose ``chosen`` references have the newest digest known for at least ``min_age``.

    Digests to ``skip``, of an index or a platform, are never taken.
    """
    work = _Work(lock, registry, now, min_age, frozenset(skip))
    jobs = [(want, work.upgrade if want.written in chosen else work.complete) for want in wanted.values()]
    return (*concurrently(lambda job: job[1](job[0]), jobs), *_dropped(wanted, lock))


def fits(want: Wanted, pin: Pin) -> bool:
    """Return whether a pin has the tag that is written, or a newer one that the family takes."""
    tag = pin.resolved.tag
    return tag == want.ref.canonical.tag or bool(want.tags and tag and version_in(want.tags, tag))


def refused(want: Wanted, seen: Seen, where: Where | None) -> ManifestError:
    """Return the error for a digest that the manifest skips, where there is no other one to take."""
    what = f"{want.written} is {seen.digest} now, which lock.skip of the manifest names"
    return ManifestError(Problem(what, where, next="write another tag or a digest, or leave it out of lock.skip"))


def _dropped(wanted: Mapping[str, Wanted], lock: Lock) -> list[Step]:
    return [Step(written, "dropped", pin) for written, pin in lock.pins.items() if written not in wanted]


def look(registry: Registry, want: Wanted, ref: ImageRef, now: datetime) -> Seen:
    """Return what a registry has behind a tag or digest; RegistryError when it is not for all platforms."""
    with _at(want):
        manifest = registry.manifest(ref)
        found = registry.platforms(ref)
    if missing := [name for name in want.platforms if name not in found]:
        what = f"{want.written} is not there for {', '.join(missing)}"
        why = f"it is for {', '.join(sorted(found)) or 'no platform'}"
        tip = "change the platforms that are built, or take another image"
        raise RegistryError(Problem(what, next(iter(want.places), None), why, tip))
    return Seen(
        resolved=replace(ref, digest=None),
        digest=manifest.digest,
        media_type=manifest.media_type,
        platforms={name: found[name] for name in want.platforms},
        first_seen=now,
    )


@contextmanager
def _at(want: Wanted) -> Iterator[None]:
    """Give what a registry says about a reference the place where that is written."""
    try:
        yield
    except RegistryError as error:
        place = next(iter(want.places), None)
        raise type(error)(
            *(replace(p, where=place) if want.ref.path in p.what else p for p in error.problems)
        ) from None


class _Work:
    """One run of lock: a step a reference, each on its own."""

    def __init__(
        self,
        lock: Lock,
        registry: Registry,
        now: datetime,
        min_age: timedelta = timedelta(0),
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self.lock, self.registry, self.now, self.min_age, self.skip = lock, registry, now, min_age, skip
        pins = ((ImageRef.parse(written), pin) for written, pin in lock.pins.items())
        self.by_tag = {str(pin.resolved): pin for ref, pin in pins if ref.digest is None}

    def complete(self, want: Wanted) -> Step:
        """Return the step that gives a reference a pin with all its platforms; a pin keeps its digest."""
        before = self.lock.pins.get(want.written)
        if before is None or not fits(want, before):
            return Step(want.written, "moved" if before else "locked", before, self._first(want))
        state: State = "by hand" if want.by_hand else "kept"
        return Step(want.written, state, before, self._whole(want, before))

    def upgrade(self, want: Wanted) -> Step:
        """Return the step to the newest digest of a reference that is old enough."""
        step = self.complete(want)
        if step.state != "kept" or step.after is None or step.after.resolved.tag is None:
            return step
        pin = step.after
        tag = self._newest_tag(want, pin)
        with _at(want):
            digest = self.registry.digest(tag)
        if digest is None:
            return replace(step, state="gone")
        return self._moved(want, step, self._known(want, pin, tag, digest))

    def _first(self, want: Wanted) -> Pin:
        """Return the pin of a reference that has none: that of another spelling, or what the registry has now."""
        canonical = want.ref.canonical
        twin = self.by_tag.get(str(replace(canonical, digest=None)))
        if twin and canonical.digest in {None, twin.digest} and set(want.platforms) <= twin.platforms.keys():
            return twin.model_copy(update={"platforms": {name: twin.platforms[name] for name in want.platforms}})
        seen = look(self.registry, want, canonical, self.now)
        if self._skipped(seen):
            raise refused(want, seen, next(iter(want.places), None))
        return Pin(**dict(seen))

    def _newest_tag(self, want: Wanted, pin: Pin) -> ImageRef:
        """Return the newest tag that the family takes, with its registry and repository."""
        if want.tags is None:
            return pin.resolved
        current = pin.resolved.tag or "latest"
        return replace(pin.resolved, tag=newest(want.tags, current, self.registry.tags(pin.resolved)))

    def _known(self, want: Wanted, pin: Pin, tag: ImageRef, digest: str) -> tuple[Seen, ...]:
        """Return what the tag has meant since the pin, oldest first; it ends with what it means now.

        Nothing where it means the pin, or an index that differs from the last one only in platforms of others.
        """
        if (tag, digest) == (pin.resolved, pin.digest):
            return ()
        waiting = tuple(seen for seen in pin.waiting if not self._skipped(seen))
        last = waiting[-1] if waiting else pin
        if digest in self.skip or (tag, digest) == (last.resolved, last.digest):
            return waiting
        seen = look(self.registry, want, tag, self.now)
        same = (seen.resolved, seen.platforms) == (last.resolved, last.platforms)
        if self._skipped(seen) or (same and self._exists(last)):
            return waiting
        if not same:
            return (*waiting, seen)
        # the same images under a new index, and the old index is deleted: their age is what counts
        return (*waiting[:-1], seen.model_copy(update={"first_seen": last.first_seen}))

    def _moved(self, want: Wanted, kept: Step, known: tuple[Seen, ...]) -> Step:
        """Return the step to the newest of what is known that is old enough and still there."""
        pin = cast("Pin", kept.after)
        for index, seen in reversed(list(enumerate(known))):
            old_enough = not self.min_age or self.now - seen.first_seen >= self.min_age
            if (old_enough or seen.platforms == pin.platforms) and self._exists(seen):
                whole = dict(self._whole(want, seen))
                after = Pin(**whole, previous=pin.digest, waiting=known[index + 1 :])
                return Step(want.written, "moved", kept.before, after)
        after = pin.model_copy(update={"waiting": known})
        return Step(want.written, "waiting" if known else "current", kept.before, after)

    def _whole(self, want: Wanted, seen: _Known) -> _Known:
        """Return what is known of a digest with exactly the platforms that are wanted."""
        if set(want.platforms) <= seen.platforms.keys():
            return seen.model_copy(update={"platforms": {name: seen.platforms[name] for name in want.platforms}})
        found = look(self.registry, want, replace(seen.resolved, digest=seen.digest), self.now)
        return seen.model_copy(update={"platforms": found.platforms, "media_type": found.media_type})

    def _skipped(self, seen: Seen) -> bool:
        return not self.skip.isdisjoint({seen.digest, *seen.platforms.values()})

    def _exists(self, seen: Seen) -> bool:
        return self.registry.digest(replace(seen.resolved, digest=seen.digest)) is not None
