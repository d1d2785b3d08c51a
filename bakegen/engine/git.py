"""What git knows of a directory: the files of the project, and which of them were changed since the last commit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bakegen.engine.process import run
from bakegen.errors import EngineError

_PATIENCE = 60.0  # seconds; a huge tree on a cold network disk
#: Set in hooks, these lead git away from the directory that is asked about: `git rev-parse --local-env-vars`.
_LOCAL = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
    }
)


def files(root: Path) -> tuple[str, ...] | None:
    """Return the files below ``root`` that git tracks or would, relative and sorted; None where git does not answer.

    Submodules are a path each, without what is in them. Names that are no UTF-8 keep their bytes as surrogates.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    return None if listed is None else tuple(sorted(set(_names(listed))))


def dirty(root: Path, touched: Iterable[str] = ()) -> tuple[str, ...] | None:
    """Return what is not committed below ``root``: changed files that git tracks, and those of ``touched`` that it does not.

    Paths are relative to ``root``; None where git does not answer.
    """
    status = _git(
        root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules", "--", "."
    )
    prefix = _git(root, "rev-parse", "--show-prefix")
    if status is None or prefix is None:
        return None
    inside = prefix.decode(errors="surrogateescape").strip("\n")
    wanted = set(touched)
    found = []
    for entry in _names(status):
        state, path = entry[:2], entry[3:].removeprefix(inside)
        if state != "??" or path in wanted:
            found.append(path)
    return tuple(sorted(found))


def _names(listed: bytes) -> list[str]:
    return [name.decode(errors="surrogateescape") for name in listed.split(b"\0") if name]


def _git(root: Path, *words: str) -> bytes | None:
    """Return what git prints, or None: there is no git, or no repository, or it refuses to look into somebody else's."""
    program = shutil.which("git")
    if program is None:
        return None
    env = {name: value for name, value in os.environ.items() if name not in _LOCAL} | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = run([program, "-c", "core.quotePath=off", *words], cwd=root, env=env, timeout=_PATIENCE)
    except EngineError:
        return None
    return done.stdout if done.returncode == 0 else None
