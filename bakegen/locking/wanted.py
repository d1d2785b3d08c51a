"""Plan -> what has to be locked: every external reference of the family, for which platforms, and whom it concerns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bakegen.errors import ManifestError, Problem, Where
from bakegen.external import DEFAULT_PLATFORM, WHOLE
from bakegen.family.source import Source
from bakegen.plan import Plan, PlannedImage
from bakegen.refs import ImageRef, parse_platform
from bakegen.registry.manifests import platform_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """An external reference as the family writes it."""

    written: str
    #: what builds for them has to find behind the reference, sorted
    platforms: tuple[str, ...] = ()
    #: names of the bases that are it
    bases: tuple[str, ...] = ()
    #: pattern of the newer tags that may be taken
    tags: str | None = None
    #: where manifest and hand-written Dockerfiles name it
    places: tuple[Where, ...] = ()
    #: whether a digest that is written by hand stays
    by_hand: bool = False
    #: the images that change when it moves: those that name it and all that are built from them, parents first
    images: tuple[str, ...] = ()

    @property
    def ref(self) -> ImageRef:
        """The reference, parsed."""
        return ImageRef.parse(self.written)


@dataclass(frozen=True, slots=True)
class _Use:
    written: str
    platforms: tuple[str, ...]
    base: str = ""
    tags: str | None = None
    place: Where | None = None
    image: str = ""


def wanted(plan: Plan, source: Source | None = None) -> dict[str, Wanted]:
    """Return every external reference of a plan made without a lock, by how it is written, sorted.

    ``source`` is the manifest, for places. A hand-written Dockerfile that cannot be read is a ManifestError: what it
    names is not known, and must not be taken for dropped.
    """
    if unread := [problem for image in plan.images for problem in _unread(image)]:
        raise ManifestError(*dict.fromkeys(unread))
    uses: dict[str, list[_Use]] = {}
    for use in _uses(plan, source):
        uses.setdefault(use.written, []).append(use)
    return {
        written: Wanted(
            written,
            platforms=tuple(sorted({_normal(name) for use in found for name in use.platforms})),
            bases=tuple(sorted({use.base for use in found if use.base})),
            tags=next((use.tags for use in found if use.tags), None),
            places=tuple(dict.fromkeys(use.place for use in found if use.place)),
            by_hand=ImageRef.parse(written).digest is not None,
            images=_concerned(plan, {use.image for use in found}),
        )
        for written, found in sorted(uses.items())
    }


def _unread(image: PlannedImage) -> Iterator[Problem]:
    for item in image.unclear:
        if item.text == WHOLE:
            where = Where(image.shown, item.line, item.column)
            yield Problem(f"what this Dockerfile names cannot be read: {item.why}", where, next="mend the file")


def _uses(plan: Plan, source: Source | None) -> Iterator[_Use]:
    """Yield each use of an external reference; of a base, its declaration is one."""
    default = plan.family.defaults.platforms or (DEFAULT_PLATFORM,)
    for name, base in plan.family.bases.items():
        users = [image for image in plan.images if image.generated and _stands_on(image, name, str(plan.bases[name]))]
        platforms = tuple(platform for image in users for platform in image.platforms or (DEFAULT_PLATFORM,))
        place = source.where(("bases", name)) if source else None
        yield _Use(str(base.ref), platforms or default, base=name, tags=base.tags, place=place)
        yield from (_Use(str(base.ref), (), image=image.name) for image in users)
    for image in plan.images:
        for item in image.externals:
            own = _platform(item.platform) if item.platform else None
            platforms = (own,) if own else image.platforms or (DEFAULT_PLATFORM,)
            place = Where(image.shown, item.line, item.column)
            yield _Use(item.written, platforms, place=place, image=image.name)


def _stands_on(image: PlannedImage, base: str, ref: str) -> bool:
    """Return whether the rendered Dockerfile of an image names a base."""
    return (image.parent is None and image.base == base) or image.uv_from == ref


def _concerned(plan: Plan, names: set[str]) -> tuple[str, ...]:
    """Return images and all that are built from them; a plan has parents first."""
    found: dict[str, None] = {}
    for image in plan.images:
        if image.name in names or not found.keys().isdisjoint(image.parents):
            found[image.name] = None
    return tuple(found)


def _normal(platform: str) -> str:
    """Return a platform as registries name it: linux/arm64 for linux/arm64/v8."""
    system, architecture, variant = (*platform.split("/"), "")[:3]
    return platform_of({"os": system, "architecture": architecture, "variant": variant}) or platform


def _platform(text: str) -> str | None:
    """Return the platform that --platform of a FROM names, None where it leaves the architecture to the builder.

    An operating system or an architecture may stand alone: Parse in
    https://github.com/containerd/platforms/blob/main/platforms.go
    """
    try:
        return parse_platform(text.lower())
    except ValueError:
        alone = text.lower()
        return (
            f"linux/{alone}"
            if re.fullmatch(r"amd64|x86_64|arm64|aarch64|386|arm|ppc64le|s390x|riscv64", alone)
            else None
        )
