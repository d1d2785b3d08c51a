"""The cache mounts of a family, by what its Dockerfiles say, and what an engine has of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bakegen.dockerfile.caches import UsedMount, used_mounts
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.engine.du import CacheMountUsage
from bakegen.plan import PlannedImage


@dataclass(frozen=True, slots=True)
class FamilyMount:
    """One cache of the family: how its steps mount it, and the images whose steps do."""

    use: UsedMount
    images: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id, variables replaced."""
        return self.use.id


@dataclass(frozen=True, slots=True)
class Held:
    """An id of the family and the records that an engine has under it; none where it is absent."""

    id: str
    targets: tuple[str, ...]
    images: tuple[str, ...]
    records: tuple[CacheMountUsage, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all records together."""
        return sum(record.size for record in self.records)

    @property
    def last_used(self) -> float | None:
        """When one of the records was last used, in seconds since the epoch; None when no time is known."""
        return max(filter(None, (used_or_made(record) for record in self.records)), default=None)


def family_mounts(images: Sequence[PlannedImage], texts: Mapping[str, str], platform: str) -> tuple[FamilyMount, ...]:
    """Return the cache mounts in the Dockerfiles of ``images``, in the order of their first use.

    ``texts`` are the Dockerfiles by path; ``platform`` counts where an image names none. A Dockerfile that cannot be
    read has no mounts that are known. Caches differ by id, uid, gid and mode, as BuildKit tells them apart.
    """
    found: dict[tuple[str, str, str, str], UsedMount] = {}
    users: dict[tuple[str, str, str, str], dict[str, None]] = defaultdict(dict)
    for image in images:
        for use in _uses(image, texts.get(image.shown, ""), platform):
            key = (use.id, use.uid or "0", use.gid or "0", use.mode)
            found.setdefault(key, use)
            users[key][image.name] = None
    return tuple(FamilyMount(use, tuple(users[key])) for key, use in found.items())


def held(mounts: Iterable[FamilyMount], records: Iterable[CacheMountUsage]) -> tuple[Held, ...]:
    """Return each id of the family with what the engine holds of it, largest first, then the absent ones by id."""
    by_id: dict[str, Held] = {}
    for mount in mounts:
        known = by_id.get(mount.id, Held(mount.id, (), ()))
        by_id[mount.id] = replace(
            known,
            targets=tuple(dict.fromkeys([*known.targets, mount.use.target])),
            images=tuple(dict.fromkeys([*known.images, *mount.images])),
        )
    for record in records:
        if record.id in by_id:
            known = by_id[record.id]
            by_id[record.id] = replace(known, records=(*known.records, record))
    return tuple(sorted(by_id.values(), key=lambda entry: (not entry.records, -entry.size, entry.id)))


def used_or_made(record: CacheMountUsage) -> float | None:
    """Return when a record was last used, or made where nobody has used it since."""
    return record.last_used or record.created


def _uses(image: PlannedImage, text: str, platform: str) -> tuple[UsedMount, ...]:
    try:
        parsed = parse(text)
        found = [use for each in image.platforms or (platform,) for use in used_mounts(parsed, dict(image.args), each)]
    except DockerfileError:
        return ()
    return tuple(dict.fromkeys(found))
