"""The archive of mounts: one tar with ``manifest.json`` first, then ``mounts/<directory>/`` for each mount.

An archive may come from anywhere, so every member is judged before any is unpacked. Pure, but for reading the stream.
"""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from bakegen.dockerfile.caches import UsedMount
from bakegen.errors import Problem

VERSION = 1
MANIFEST = "manifest.json"
MOUNTS = "mounts"
MAX_MANIFEST = 1 << 20  # bytes
_DIRECTORY = re.compile(r"\d{3,6}")


class BadArchive(ValueError):
    """An archive that is not unpacked: why, for a person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mount in an archive: its directory below ``mounts/``, how it is mounted, and its bytes when it was packed."""

    directory: str
    use: UsedMount
    size: int = 0
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself; ``made`` is seconds since the epoch."""

    family: str
    platform: str
    made: float
    entries: tuple[Entry, ...]

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        mounts = [
            {"directory": entry.directory, **asdict(entry.use), "bytes": entry.size, "images": list(entry.images)}
            for entry in self.entries
        ]
        head = {"version": VERSION, "family": self.family, "platform": self.platform, "made": self.made}
        return json.dumps({**head, "mounts": mounts}, indent=2) + "\n"


@dataclass(slots=True)
class Judge:
    """Judges the members of an archive in their order; keeps the links it has seen, because a path may lead through one."""

    targets: Mapping[str, str]
    _links: set[str] = field(default_factory=set)

    def refusal(self, member: tarfile.TarInfo) -> str:
        """Return why a member is refused, "" when it is not.

        Refused: names outside of the archive's mounts, devices and other special files, links out of their mount, names
        that lead through a link. A link may name its own mount as the steps see it, which is how uv writes its links.
        """
        name = member.name.rstrip("/")
        parts = name.split("/")
        if why := self._name(name, parts):
            return why
        if len(parts) <= len((MOUNTS, "directory")):
            return "" if member.isdir() else "it stands where a directory belongs"
        if member.issym():
            self._links.add(name)
            return self._symlink(member, parts)
        if member.islnk():
            return self._hardlink(member.linkname, parts[1])
        return "" if member.isdir() or member.isreg() else "it is a device or another special file"

    def _name(self, name: str, parts: Sequence[str]) -> str:
        if "\0" in name or any(part in {"", ".", ".."} for part in parts):
            return "its name leads out of the archive"
        if parts[0] != MOUNTS or (name != MOUNTS and parts[1] not in self.targets):
            return "it belongs to no mount of the manifest"
        if any("/".join(parts[:end]) in self._links for end in range(3, len(parts) + 1)):
            return "its name leads through a link, or is given twice"
        return ""

    def _symlink(self, member: tarfile.TarInfo, parts: Sequence[str]) -> str:
        target = self.targets[parts[1]]
        path = posixpath.join(target, *parts[2:-1], member.linkname)
        inside = posixpath.normpath(path) == target or posixpath.normpath(path).startswith(target.rstrip("/") + "/")
        return "" if member.linkname and inside else f"it is a link out of its mount, to {member.linkname!r}"

    def _hardlink(self, linkname: str, directory: str) -> str:
        parts = linkname.split("/")
        inside = parts[:2] == [MOUNTS, directory] and not any(part in {"", ".", ".."} for part in parts)
        through = any("/".join(parts[:end]) in self._links for end in range(3, len(parts)))
        return "" if inside and not through else f"it is a hard link out of its mount, to {linkname!r}"


def read(stream: IO[bytes], seen: Iterator[None] | None = None) -> Manifest:
    """Return the manifest of an archive, plain or gzip, whose every member was judged and whose end was reached.

    The stream is read once, without seeking; ``seen`` is advanced for each member. Raises BadArchive.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            manifest = _first(archive)
            judge = Judge({entry.directory: posixpath.normpath(entry.use.target) for entry in manifest.entries})
            while member := archive.next():
                if why := judge.refusal(member):
                    raise BadArchive(f"the archive's {member.name!r} is refused: {why}")
                archive.members = []  # type: ignore[attr-defined]  # tarfile remembers every member it has read
                if seen:
                    next(seen, None)
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive(f"this is no whole tar archive: {error}") from None
    return manifest


def _first(archive: tarfile.TarFile) -> Manifest:
    """Return the manifest, which has to be the first member."""
    member = archive.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > MAX_MANIFEST:
        raise BadArchive(f"{MANIFEST} does not come first: bakegen cache export did not write this")
    file = archive.extractfile(member)
    return parse_manifest(file.read() if file else b"")


def parse_manifest(text: bytes) -> Manifest:
    """Return the value of manifest.json. Raises BadArchive for what is none, or one of a later version."""
    try:
        data = json.loads(text)
        version, mounts = data["version"], data["mounts"] if data["version"] == VERSION else ()
        entries = tuple(_entry(item) for item in mounts)
        manifest = Manifest(str(data["family"]), str(data["platform"]), float(data["made"]), entries)
    except (KeyError, TypeError, ValueError) as error:
        raise BadArchive(
            str(error) if isinstance(error, BadArchive) else f"{MANIFEST} cannot be read: {error!r}"
        ) from None
    if version != VERSION:
        raise BadArchive(f"it is of version {version!r}; this bakegen reads {VERSION}: update it")
    if len({entry.directory for entry in entries}) != len(entries):
        raise BadArchive(f"{MANIFEST} names a directory twice")
    return manifest


def _entry(item: Mapping[str, Any]) -> Entry:
    use = UsedMount(**{name: str(item[name]) for name in ("id", "target", "sharing", "uid", "gid", "mode")})
    directory = str(item["directory"])
    if not _DIRECTORY.fullmatch(directory) or not use.target.startswith("/"):
        raise BadArchive(f"{MANIFEST} names {directory!r} at {use.target!r}, which is no mount")
    return Entry(directory, use, int(item["bytes"]), tuple(str(image) for image in item["images"]))


def numbered(uses: Iterable[tuple[UsedMount, int, tuple[str, ...]]]) -> tuple[Entry, ...]:
    """Return entries for mounts with their sizes and images, in the order in which steps take their locks.

    BuildKit locks a step's mounts in the order of their targets (client/llb/exec.go sorts them). Directories are
    numbered in that order too, so that no build that runs meanwhile waits for us while we wait for it.
    """
    ordered = sorted(uses, key=lambda item: (item[0].target, item[0].id, item[0].uid, item[0].gid))
    return tuple(Entry(f"{place:03}", use, size, images) for place, (use, size, images) in enumerate(ordered))


def matched(manifest: Manifest, wanted: Iterable[UsedMount]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the entries that the family has a use for, mounted as it mounts them, and the others.

    The family's id, uid and gid decide, and its sharing and mode count: an archive cannot choose another cache.
    """
    known = {(use.id, use.uid or "0", use.gid or "0"): use for use in wanted}
    taken, left = [], []
    for entry in manifest.entries:
        use = known.get((entry.use.id, entry.use.uid or "0", entry.use.gid or "0"))
        if use:
            taken.append(Entry(entry.directory, use, entry.size, entry.images))
        else:
            left.append(entry)
    return tuple(sorted(taken, key=lambda entry: entry.directory)), tuple(left)


def problem(error: BadArchive) -> Problem:
    """Return the error for a person."""
    return Problem(str(error), next="write it anew with: bakegen cache export FILE")
