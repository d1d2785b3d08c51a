"""The Dockerfiles that a command line means: files, what lies below directories, or those of the family."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from bakegen.advice.model import Surroundings
from bakegen.errors import FilesError, Problem, UsageError, Where
from bakegen.files import MARK, DiskTree
from bakegen.project import MANIFEST, find, load
from bakegen.surroundings import surroundings

#: By path below the root: the text and what surrounds it.
Chosen: TypeAlias = dict[str, tuple[str, Surroundings]]
_NAMES = (
    "Dockerfile",
    "Containerfile",
    "Dockerfile.*",
    "*.Dockerfile",
    "*.dockerfile",
    "Containerfile.*",
    "*.Containerfile",
)
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages"})


def chosen(paths: Sequence[str], manifest: str | None) -> tuple[Chosen, Path]:
    """Return the Dockerfiles that are meant, and the directory that their paths are relative to."""
    there = manifest is not None or os.path.lexists(find(Path.cwd()))
    root, family = Path.cwd(), dict[str, Surroundings]()
    hand_written: list[Path] = []
    if there:
        project = load(manifest)
        root = project.root
        plan = project.plan()
        family = dict(surroundings(plan, DiskTree(root)))
        hand_written = [root / image.dockerfile for image in plan.images if not image.generated]
    elif not paths:
        paths = (".",)
    wanted = [path for given in paths for path in _found(Path(given))] if paths else hand_written
    if not wanted and not there:
        raise UsageError(
            Problem("there is no Dockerfile here", next=f"name a file or a directory, or write a {MANIFEST}")
        )
    found: Chosen = {}
    for path in dict.fromkeys(wanted):
        name = Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()
        found[name] = (_text(path), family.get(name) or Surroundings(ignore=_ignore(path)))
    return found, root


def _ignore(path: Path) -> tuple[str, ...] | None:
    """Return the lines of the .dockerignore that likely holds: the Dockerfile's own, or the one beside it."""
    for beside in (path.with_name(f"{path.name}.dockerignore"), path.with_name(".dockerignore")):
        if beside.is_file():
            return tuple(_text(beside).split("\n"))
    return None


def _found(path: Path) -> Iterator[Path]:
    """Yield a file, or the Dockerfiles below a directory that no tool has generated."""
    if path.is_dir():
        for directory, names, files in os.walk(path):
            names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
            for name in sorted(files):
                full = Path(directory, name)
                if _is_dockerfile(name) and full.is_file() and not _generated(full):
                    yield full
    elif path.exists():
        yield path
    else:
        raise UsageError(Problem("there is no such file or directory", Where(str(path))))


def _is_dockerfile(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _NAMES) and not name.endswith(".dockerignore")


def _generated(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(512)
    except OSError:
        return False  # reading it as a whole will say why


def _text(path: Path) -> str:
    """Return the text of a file to the byte; what keeps it from being read is a FilesError."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise FilesError(Problem(f"cannot be read: {error.strerror}", Where(str(path)))) from None
    except UnicodeDecodeError:
        raise FilesError(
            Problem("is not UTF-8 text", Where(str(path)), next="save it as UTF-8, or leave it out")
        ) from None
