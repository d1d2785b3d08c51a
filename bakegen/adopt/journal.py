"""What an adoption changes, kept so that it can be taken back to the byte, whenever it was interrupted.

``.bakegen/adopt/<id>/journal.json`` says for each path what it held before and after, by hash; ``originals/`` has the
bytes. The directory gets its name, by one rename, before the first file of the project is touched, and loses it after the
last one was put back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bakegen.errors import ConflictError, FilesError, Problem, UsageError, Where
from bakegen.files import Change, is_ours

PLACE = Path(".bakegen", "adopt")
_VERSION = 1
_ID = re.compile(r"\d{8}-\d{6}(?:-\d+)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One path: the hashes of what it held before and after (None: nothing), and where the bytes of before are kept."""

    path: str
    before: str | None
    after: str | None
    kept: str | None
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: paths that hold again what they held or are gone again, and those that were changed and stay."""

    restored: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[Problem, ...]
    earlier: int = 0


def record(root: Path, changes: Sequence[Change], now: datetime, *, later: Sequence[str] = ()) -> Path:
    """Keep what ``changes`` replace and return where; ``later`` are paths that do not exist yet and may be generated.

    Raises FilesError when the disk does not take it; then nothing is left behind.
    """
    place = root / PLACE
    temporary = place / f"new-{os.getpid()}"
    try:
        (temporary / "originals").mkdir(parents=True)
        ignore = place.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        entries = [_kept(root, change, temporary, number) for number, change in enumerate(changes)]
        entries += [Entry(path, None, None, None) for path in later if not (root / path).exists()]
        payload = {"version": _VERSION, "pid": os.getpid(), "files": [_as_json(entry) for entry in entries]}
        _write(temporary / "journal.json", (json.dumps(payload, indent=2) + "\n").encode())
        _sync(temporary)
        final = _fresh(place, now.strftime("%Y%m%d-%H%M%S"))
        temporary.rename(final)
        _sync(place)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        tidy(root)
        what = f"what is to be changed cannot be kept for --undo: {(error.strerror or str(error)).lower()}"
        raise FilesError(
            Problem(what, Where(str(PLACE)), "nothing was changed", "free the place, then run again")
        ) from None
    return final


def _kept(root: Path, change: Change, temporary: Path, number: int) -> Entry:
    path = root / change.path
    after = None if change.new is None else _hash(change.new.encode())
    if not path.exists():
        return Entry(change.path, None, after, None)
    data = path.read_bytes()
    name = f"originals/{number:04d}"
    _write(temporary / name, data)
    return Entry(change.path, _hash(data), after, name, path.stat().st_mode & 0o777)


def _as_json(entry: Entry) -> Mapping[str, object]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _fresh(place: Path, name: str) -> Path:
    number, path = 1, place / name
    while path.exists():
        number += 1
        path = place / f"{name}-{number}"
    return path


def journals(root: Path) -> tuple[Path, ...]:
    """Return the adoptions that can be taken back, oldest first."""
    place = root / PLACE
    with suppress(OSError):
        found = [path for path in place.iterdir() if _ID.fullmatch(path.name) and (path / "journal.json").is_file()]
        return tuple(sorted(found, key=lambda path: (path.name[:15], int(path.name[16:] or 1))))
    return ()


def undo(root: Path) -> Undone:
    """Give every path of the latest adoption back what it held; what was changed since stays, and is said.

    Raises UsageError where there is nothing to take back, ConflictError for a journal that cannot be read.
    """
    found = journals(root)
    if not found:
        tidy(root)
        tip = "`bakegen adopt --write` makes what can be undone"
        raise UsageError(Problem("there is nothing to undo here", Where(str(PLACE)), next=tip))
    journal = found[-1]
    entries, process = _read(journal)
    restored: list[str] = []
    removed: list[str] = []
    kept: list[Problem] = []
    for entry in entries:
        _sweep(root / entry.path, process)
        done = _restore(root, journal, entry)
        if isinstance(done, Problem):
            kept.append(done)
        elif done:
            (removed if entry.before is None else restored).append(entry.path)
    if not kept:
        gone = journal.with_name(f"new-{os.getpid()}")  # from here on it is litter, whatever happens
        journal.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        tidy(root)
    return Undone(tuple(restored), tuple(removed), tuple(kept), len(found) - 1)


def _read(journal: Path) -> tuple[list[Entry], int]:
    try:
        payload = json.loads((journal / "journal.json").read_bytes())
        if payload["version"] != _VERSION:
            raise ValueError(f"version {payload['version']} is of another bakegen")  # noqa: TRY301 - said in one place
        entries = [Entry(**item) for item in payload["files"]]
        top = journal.parents[len(PLACE.parts)].resolve()
        for name in filter(None, (name for entry in entries for name in (entry.path, entry.kept))):
            if not (top / name).parent.resolve().is_relative_to(top) or ".." in Path(name).parts:
                raise ValueError(f"{name} is outside of the project")  # noqa: TRY301 - said in one place
        return entries, int(payload["pid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"this journal cannot be read: {error}"
        tip = f"the original files are in {journal / 'originals'}"
        raise ConflictError(Problem(what, Where(str(journal / "journal.json")), next=tip)) from None


def _restore(root: Path, journal: Path, entry: Entry) -> Problem | bool:
    """Put one path back; return whether there was a need to, or what keeps it from that."""
    path = root / entry.path
    try:
        now = path.read_bytes() if os.path.lexists(path) else None
        state = None if now is None else _hash(now)
        if state == entry.before:
            return False
        ours = now is not None and entry.before is None and is_ours(now.decode(errors="replace"))
        if state != entry.after and not ours:
            where = f"what it held before is in {(journal / entry.kept).relative_to(root)}" if entry.kept else ""
            return Problem("it was changed since the adoption, and stays as it is", Where(entry.path), where)
        if entry.kept is None:
            path.unlink()
            return True
        data = (journal / entry.kept).read_bytes()
        if _hash(data) != entry.before:
            return Problem("the kept original is damaged; the file stays as it is", Where(entry.path))
        _replace(path, data, entry.mode & 0o777)
    except OSError as error:
        return Problem(f"it cannot be put back: {(error.strerror or str(error)).lower()}", Where(entry.path))
    return True


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.undo.tmp")
    try:
        _write(temporary, data)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _sweep(path: Path, process: int) -> None:
    """Remove what a killed write left beside a file, by the names that ``files.apply`` gives."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(?:{process}\.old|(?:undo|[a-z0-9_]{{8}})\.tmp)")
    with suppress(OSError):
        for left in path.parent.iterdir():
            if pattern.fullmatch(left.name):
                left.unlink()


def tidy(root: Path) -> None:
    """Remove the directories of the journal that are empty, and .bakegen if only its own .gitignore is left."""
    with suppress(OSError):
        for left in (root / PLACE).glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        (root / PLACE).rmdir()
    top = root / PLACE.parent
    with suppress(OSError):
        if [path.name for path in top.iterdir()] == [".gitignore"]:
            (top / ".gitignore").unlink()
        top.rmdir()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Have the system keep a directory's names; not all systems can."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
