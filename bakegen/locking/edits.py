"""Pins and Dockerfiles: writing digests into hand-written ones, taking over those that a bot wrote into generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from bakegen import external
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.references import External, externals
from bakegen.errors import ManifestError, Problem, Where
from bakegen.external import DEFAULT_PLATFORM
from bakegen.lock import Lock, Pin
from bakegen.locking import update
from bakegen.locking.update import Step
from bakegen.locking.wanted import Wanted
from bakegen.plan import Plan, PlannedImage
from bakegen.project import Project
from bakegen.refs import ImageRef
from bakegen.tree import Tree

if TYPE_CHECKING:
    from bakegen.registry.client import Registry


@dataclass(frozen=True, slots=True)
class InPlace:
    """What writing digests into hand-written Dockerfiles comes to."""

    #: new text by path
    texts: Mapping[str, str]
    #: the lock with the references as they are written then
    lock: Lock
    #: references that cannot be written there: their value comes from elsewhere
    left: tuple[Where, ...]


def in_place(plan: Plan, before: Lock, lock: Lock, tree: Tree) -> InPlace:
    """Return hand-written Dockerfiles with the digests of ``lock`` in them, and the lock for them.

    ``plan`` is made without a lock, ``before`` is the lock as it was; ``tree`` has texts to the byte.
    """
    spans: dict[str, dict[tuple[int, int], str]] = {}
    renamed: dict[str, str] = {}
    stay = {str(base.ref) for base in plan.family.bases.values()}
    left: dict[Where, None] = {}
    for image, item in _items(plan, tree):
        pinned = lock.pinned(ImageRef.parse(item.written))
        edits = spans.setdefault(image.dockerfile, {})
        if pinned is None:
            continue
        if not image.dockerfile or item.span is None or edits.get(item.span, str(pinned)) != str(pinned):
            left[Where(image.shown, item.line, item.column)] = None
            stay.add(item.written)
        else:
            edits[item.span] = renamed[item.written] = str(pinned)
    texts = {path: (tree.text(path) or "", edits) for path, edits in spans.items() if edits}
    new = {
        path: parse(text).replace((*span, ref) for span, ref in edits.items()) for path, (text, edits) in texts.items()
    }
    pins = {written: pin for written, pin in lock.pins.items() if written not in renamed or written in stay}
    # a digest that is written by hand, and could not be written anew, stays what it is
    pins |= {name: before.pins[name] for name in pins.keys() & before.pins.keys() if ImageRef.parse(name).digest}
    pins |= {ref: lock.pins[old] for old, ref in renamed.items()}
    return InPlace({path: text for path, text in new.items() if text != texts[path][0]}, Lock(pins), tuple(left))


def _items(plan: Plan, tree: Tree) -> Iterator[tuple[PlannedImage, External]]:
    """Yield what hand-written Dockerfiles name, with spans in their exact texts."""
    names = external.own_names(plan.images, plan.family)
    for image in plan.images:
        for item in external.found(image, names, tree).externals:
            yield image, item


def taken_over(
    project: Project, wanted: Mapping[str, Wanted], tree: Tree, registry: Registry, now: datetime
) -> tuple[Step, ...]:
    """Return the steps to the digests that an update bot has written into generated Dockerfiles.

    What a generated Dockerfile names must differ from what bakegen renders in tag and digest only. Two Dockerfiles that
    name different new digests for one base are a ManifestError, as is a tag that the manifest does not take.
    """
    skip = frozenset(project.family.lock.skip)
    steps = update.locked(wanted, project.lock or Lock({}), registry, now, skip=skip)
    asked = _asked(project.with_lock(update.lock_of(steps)), tree)
    taken = []
    for step in steps:
        new = asked.get(step.written)
        taken.append(_taken(wanted[step.written], step, new, registry, now) if new else step)
        if new and (pin := taken[-1].after) and not skip.isdisjoint({pin.digest, *pin.platforms.values()}):
            raise update.refused(wanted[step.written], pin, next(iter(new.values())))
    return tuple(taken)


def _taken(want: Wanted, step: Step, new: Mapping[ImageRef, Where], registry: Registry, now: datetime) -> Step:
    """Return the step of a reference for which generated Dockerfiles name something new."""
    pin = cast("Pin", step.after)
    ref, where = next(iter(new.items()))
    if len(new) > 1:
        what = f"generated Dockerfiles name {len(new)} new references for {want.written}: {', '.join(map(str, new))}"
        raise ManifestError(Problem(what, where, next="let the bot update all of them, or none"))
    if ref.digest is None:
        raise ManifestError(Problem(f"{ref} has no digest", where, next="let the bot pin digests (docs/lock.md)"))
    seen = update.look(registry, want, replace(want.ref.canonical, tag=ref.tag, digest=ref.digest), now)
    digests = [waiting.digest for waiting in pin.waiting]
    index = digests.index(seen.digest) if seen.digest in digests else -1
    if index >= 0:
        seen = seen.model_copy(update={"first_seen": pin.waiting[index].first_seen})
    after = Pin(**dict(seen), previous=pin.digest, waiting=pin.waiting[index + 1 :] if index >= 0 else ())
    if not update.fits(want, after):
        what = f"{ref.tag} is not a tag that the manifest takes for {want.written}"
        tip = "write the new tag into the manifest and run: bakegen lock; or allow such tags with 'tags'"
        raise ManifestError(Problem(what, where, next=tip))
    return Step(want.written, "moved" if step.before else "locked", step.before, after)


def _asked(project: Project, tree: Tree) -> dict[str, dict[ImageRef, Where]]:
    """Return, for each base as written, the references that stand in generated Dockerfiles in its place."""
    plan, rendered = project.plan(), project.render()
    written = {str(ref): str(plan.family.bases[name].ref) for name, ref in plan.bases.items()}
    asked: dict[str, dict[ImageRef, Where]] = {}
    for image in plan.images:
        text = tree.text(image.dockerfile) if image.generated else None
        if text is None:
            continue
        ours, theirs = _named(rendered[image.dockerfile], image), _named(text, image)
        refs = [(ImageRef.parse(a.written), ImageRef.parse(b.written)) for a, b in zip(ours, theirs, strict=False)]
        if len(ours) != len(theirs) or any(a.name != b.name for a, b in refs):
            what = "this file differs from what bakegen renders in more than tags and digests"
            tip = "change the manifest instead, then run: bakegen render"
            raise ManifestError(Problem(what, Where(image.dockerfile), next=tip))
        for item, (old, new) in zip(theirs, refs, strict=True):
            if old != new and str(old) in written:
                place = Where(image.dockerfile, item.line, item.column)
                asked.setdefault(written[str(old)], {}).setdefault(new, place)
    return asked


def _named(text: str, image: PlannedImage) -> list[External]:
    try:
        found, _ = externals(parse(text), {}, (*image.platforms, DEFAULT_PLATFORM)[0])
    except DockerfileError as error:
        where = Where(image.dockerfile, error.line, error.column)
        raise ManifestError(Problem(str(error), where, next="run: bakegen render")) from None
    return [item for item in found if item.kind == "from"]
