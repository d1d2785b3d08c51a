"""Edits of files in a copy of the project, each with the way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bakegen.bench.model import Append, Release
from bakegen.bench.scenarios import earlier
from bakegen.errors import FilesError, Problem

#: What no image is built from, and what may be large.
LEFT_OUT = (".git", ".bakegen", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")


def edited(text: str, edit: Append | Release, number: int, mark: str) -> str:
    """Return ``text`` as the edit of round ``number`` (from 1) leaves it; raises ValueError where it does not fit."""
    if isinstance(edit, Append):
        return text + ("" if text.endswith("\n") or not text else "\n") + edit.line.format(mark=mark) + "\n"
    lines = text.splitlines(keepends=True)
    for spot in sorted(edit.spots, key=lambda spot: (spot.line, -spot.column)):
        line = lines[spot.line - 1]
        start = spot.column - 1 + (line[spot.column - 1] in "'\"")
        if not line.startswith(spot.old, start):
            raise ValueError(f"{edit.path}:{spot.line}:{spot.column}: {spot.old} does not stand here")
        lines[spot.line - 1] = line[:start] + earlier(spot.old, number) + line[start + len(spot.old) :]
    return "".join(lines)


@contextmanager
def applied(root: Path, edit: Append | Release | None, number: int, mark: str) -> Iterator[None]:
    """Have the edit in the copy at ``root`` meanwhile; afterwards its file is as it was, to the byte."""
    if edit is None:
        yield
        return
    path = root / edit.path
    try:
        before = path.read_bytes()
        path.write_bytes(edited(before.decode(), edit, number, mark).encode())
    except (OSError, ValueError, IndexError) as error:
        raise FilesError(Problem(f"the copy of {edit.path} cannot be edited: {error}")) from error
    try:
        yield
    finally:
        path.write_bytes(before)


def copy_project(source: Path, target: Path) -> Path:
    """Return ``target``, which becomes a copy of the project without what is no part of a build; links stay links."""
    try:
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    except (OSError, shutil.Error) as error:
        raise FilesError(
            Problem(
                f"the project cannot be copied: {error}",
                why="bench edits a copy in the temporary directory, never your files",
                next="set TMPDIR to a directory with enough room",
            )
        ) from error
    return target
