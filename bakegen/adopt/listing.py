"""The files of a project: those that git knows, else all but what tools and version control keep for themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bakegen.engine import git
from bakegen.errors import FilesError, Problem, UsageError, Where

_LEFT_OUT = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".bzr",
        ".jj",
        ".bakegen",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".cache",
        ".terraform",
        ".idea",
        ".vscode",
    ]
)
MAX_FILES = 500_000


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths of a project, and whether git told them."""

    paths: tuple[str, ...]
    by_git: bool


def listing(root: Path) -> Listing:
    """Return the files below ``root``: with git what it tracks or would, without it all that a walk finds."""
    _exists(root)
    known = git.files(root)
    if known is not None:
        return Listing(tuple(path for path in known if not path.startswith(".bakegen/")), by_git=True)
    return walked(root)


def walked(root: Path) -> Listing:
    """Return the files that a walk finds below ``root``, without what tools and version control keep for themselves."""
    _exists(root)
    return Listing(tuple(sorted(_walked(root))), by_git=False)


def _exists(root: Path) -> None:
    if not root.is_dir():
        what = "this is no directory" if root.exists() else "there is no such directory"
        raise UsageError(Problem(what, Where(str(root)), next="name the top of the repository"))


def _walked(root: Path) -> list[str]:
    found: list[str] = []

    def refused(error: OSError) -> None:
        if Path(str(error.filename)) == root:
            raise FilesError(Problem(f"the directory cannot be read: {error.strerror}", Where(str(root))))

    for directory, names, files in os.walk(root, onerror=refused):
        names[:] = sorted(name for name in names if name not in _LEFT_OUT)
        if Path(directory) != root and ".git" in os.listdir(directory):  # noqa: PTH208 - a repository of its own
            names[:] = []
            continue
        below = Path(directory).relative_to(root)
        found += [(below / name).as_posix() for name in files]
        if len(found) > MAX_FILES:
            what = f"more than {MAX_FILES} files, and git does not say which matter"
            raise FilesError(Problem(what, Where(str(root)), next="name the directory of the Dockerfiles"))
    return found
