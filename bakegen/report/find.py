"""Which directory a run is in: by id, by path, the latest, the one before."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakegen.build.rundir import RUNS
from bakegen.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID = re.compile(r"(\d{8}-\d{6})(?:-(\d+))?")
EVENTS, RESULT = "events.ndjson", "result.json"


def find(start: Path, word: str | None = None) -> Path:
    """Return the directory of the run that ``word`` names: a path or an id; None is the latest.

    The runs are those of ``start`` or of the nearest directory above it that has any. Raises UsageError.
    """
    if word is not None:
        with suppress(ValueError):  # a name that no file can have
            if _is_run(path := start / word):
                return path
    runs = _runs_above(start)
    known = sorted(_ids(runs), key=order) if runs else []
    if runs is None or not known:
        where = f"{word}: " if word is not None else ""
        raise UsageError(
            Problem(f"{where}no run is recorded here", next="`bakegen build` records one in .bakegen/runs")
        )
    if word is None:
        return runs / known[-1]
    if word in known:
        return runs / word
    near = get_close_matches(word, known, n=1)
    raise UsageError(
        Problem(f"no run {word!r}", next=f"did you mean {near[0]}?" if near else f"the latest is {known[-1]}")
    )


def previous(directory: Path) -> Path | None:
    """Return the latest run before this one that built the same images for the same output; None when there is none."""
    directory = directory.absolute()
    if not _ID.fullmatch(directory.name):
        return None
    mine = _likeness(directory)
    for name in sorted(_ids(directory.parent), key=order, reverse=True):
        path = directory.parent / name
        if order(name) < order(directory.name) and mine and _likeness(path) == mine and _built(path):
            return path
    return None


def order(name: str) -> tuple[str, int]:
    """Return the key that sorts ids of runs by when they began."""
    match = _ID.fullmatch(name)
    return (match[1], int(match[2] or 1)) if match else (name, 0)


def read_result(directory: Path) -> dict[str, Any]:
    """Return what result.json holds; empty when it is missing or no JSON object."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((directory / RESULT).read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """Return each image's status by result.json."""
    images = result.get("images")
    return {
        item["name"]: str(item.get("status", "unknown"))
        for item in (images if isinstance(images, list) else ())
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    }


def _likeness(directory: Path) -> tuple[frozenset[str], object] | None:
    """Return what two runs must have in common to be compared without asking."""
    result = read_result(directory)
    names = frozenset(statuses(result))
    return (names, result.get("output")) if names else None


def _built(directory: Path) -> bool:
    return read_result(directory).get("status") == "built"


def _runs_above(start: Path) -> Path | None:
    start = start.absolute()
    return next((place / RUNS for place in (start, *start.parents) if (place / RUNS).is_dir()), None)


def _ids(runs: Path) -> Iterator[str]:
    return (path.name for path in runs.iterdir() if _ID.fullmatch(path.name) and _is_run(path))


def _is_run(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in (EVENTS, RESULT))
