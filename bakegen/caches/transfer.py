"""Mounts out of an engine into one file, and back."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from bakegen.caches.archive import BadArchive, Entry, Manifest, matched, numbered, problem, read
from bakegen.caches.family import FamilyMount
from bakegen.caches.recipe import ARCHIVE, export_dockerfile, import_dockerfile
from bakegen.engine.du import CacheMountUsage
from bakegen.engine.side_build import forget, side_build
from bakegen.errors import FilesError, Problem, Where

CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
Progress = Callable[[str, int], None]
"""Is told what goes on, and how many bytes of it are done."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where mounts are: the words that start docker, the builder, and an image with /bin/sh, cp and tar."""

    docker: tuple[str, ...]
    builder: str | None
    tools: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import put where, and what it left out because the family has no such mount."""

    manifest: Manifest
    taken: tuple[Entry, ...]
    left: tuple[Entry, ...]


def pack(mounts: Sequence[FamilyMount], records: Sequence[CacheMountUsage]) -> tuple[Entry, ...]:
    """Return the entries of an archive of those mounts that the engine has, with the bytes of their ids."""
    sizes: dict[str, int] = {}
    for record in records:
        sizes[record.id] = sizes.get(record.id, 0) + record.size
    return numbered((mount.use, sizes[mount.id], mount.images) for mount in mounts if mount.id in sizes)


def export(engine: Engine, manifest: Manifest, path: Path, progress: Progress) -> int:
    """Write the archive of a manifest's mounts at ``path``, whole or not at all, and return its bytes.

    A name that ends in .gz makes it a gzip. What is written is read back and judged, as an import would.
    """
    token = f"bakegen-export-{uuid4().hex}"
    compressed = path.name.endswith((".gz", ".tgz"))
    with _files(path), tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        part = Path(scratch, "archive.tar")
        context = Path(scratch, "context")
        context.mkdir()
        (context / f"{token}.json").write_text(manifest.to_json(), encoding="utf-8")
        (context / "Dockerfile").write_text(export_dockerfile(engine.tools, manifest.entries, token), encoding="utf-8")
        try:
            side_build(
                engine.docker,
                context,
                f"type=tar,dest={part}",
                builder=engine.builder,
                tick=lambda: progress("packed", part.stat().st_size if part.exists() else 0),
            )
        finally:
            forget(engine.docker, token, engine.builder)
        _judged(part, progress)
        if compressed:
            part = _gzipped(part, progress)
        part.replace(path)
        return path.stat().st_size


def restore(engine: Engine, wanted: Sequence[FamilyMount], path: Path, progress: Progress) -> Imported:
    """Unpack an archive into those mounts of it that are wanted; what is in them stays, what it brings is put over it.

    Raises FilesError for a file that is no such archive, or whose members are refused; nothing is unpacked then.
    """
    manifest = _judged(path, progress)
    taken, left = matched(manifest, [mount.use for mount in wanted])
    if not taken:
        return Imported(manifest, taken, left)
    token = f"bakegen-import-{uuid4().hex}"
    with _files(path), tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        context, archive = Path(scratch, "context"), Path(scratch, "archive")
        context.mkdir()
        archive.mkdir()
        _second_name(path, archive / ARCHIVE)
        text = import_dockerfile(engine.tools, taken, token, compressed=_is_gzip(path))
        (context / "Dockerfile").write_text(text, encoding="utf-8")
        try:
            side_build(
                engine.docker,
                context,
                "type=cacheonly",
                contexts={token: archive},
                builder=engine.builder,
                tick=lambda: progress("unpacking", 0),
            )
        finally:
            forget(engine.docker, token, engine.builder)
    return Imported(manifest, taken, left)


def _judged(path: Path, progress: Progress) -> Manifest:
    """Return an archive's manifest once all its members were judged."""
    with _files(path), path.open("rb") as file:
        try:
            return read(file, _reports(file, progress))
        except BadArchive as error:
            found = problem(error)
            raise FilesError(Problem(found.what, Where(str(path)), next=found.next)) from None


def _reports(file: IO[bytes], progress: Progress) -> Iterator[None]:
    while True:
        progress("checked", file.tell())
        yield


def _gzipped(part: Path, progress: Progress) -> Path:
    """Return the archive compressed, at the fastest level: wheels and .debs hardly get smaller."""
    packed = part.with_suffix(".tar.gz")
    with part.open("rb") as source, gzip.GzipFile(packed, "wb", compresslevel=1, mtime=0) as sink:
        while chunk := source.read(CHUNK):
            sink.write(chunk)
            progress("compressed", source.tell())
    part.unlink()
    return packed


def _second_name(path: Path, new: Path) -> None:
    """Give the archive a name alone in a directory, since a build sends whole directories; a copy where it has to be."""
    with suppress(OSError):
        os.link(path.resolve(), new)
        return
    shutil.copyfile(path, new)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


@contextmanager
def _files(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into a FilesError for a person."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        tip = "name a file in a directory that exists and may be written" if not path.exists() else ""
        raise FilesError(Problem(f"{reason}: {error.filename or path}", Where(str(path)), next=tip)) from error
