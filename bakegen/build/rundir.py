"""The directory of one run, ``.bakegen/runs/<id>/``: what BuildKit said, what the steps printed, what came of it.

- ``events.ndjson``: every line of the bakes as it came, behind a line of our own where each begins
- ``logs/<image>.log``: what each image's own steps printed, with a header line where another step begins to speak
- ``override.json``: the extra bake file of the run, so that the bake can be repeated by hand
- ``result.json``: the outcome; ``status`` is "running" until there is one
- ``caches.json``: what the builder's cache mounts held before and after, null where nobody knows (see ``facts``)
- ``images.json``: the layers of the images that the engine has taken in, and variables that choose a cache
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from bakegen.errors import FilesError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

KEPT = 20
RUNS = Path(".bakegen", "runs")
RESULT_VERSION = 1
_ID = re.compile(r"\d{8}-\d{6}(?:-(\d+))?")


@dataclass(slots=True)
class _Log:
    file: IO[str]
    step: tuple[str, str] | None = None


class RunDirectory:
    """The files of one run while it goes on. Every method raises FilesError when the disk does not take it."""

    def __init__(self, root: Path, now: datetime) -> None:
        """Make the directory under ``root``, named after ``now`` (UTC), and drop the oldest runs."""
        runs = root / RUNS
        with _disk(runs):
            runs.mkdir(parents=True, exist_ok=True)
            ignore = runs.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            self.path = _fresh(runs, now.strftime("%Y%m%d-%H%M%S"))
            self.shown = RUNS / self.path.name
            self._events: IO[bytes] = (self.path / "events.ndjson").open("wb")
        self._logs: dict[str, _Log] = {}
        for old in _outdated(runs):
            shutil.rmtree(old, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the directory itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all files, even when closing one of them fails because what is buffered finds no room."""
        with _disk(self.path), ExitStack() as files:
            files.callback(self._events.close)
            for log in self._logs.values():
                files.callback(log.file.close)

    @property
    def id(self) -> str:
        """Return the run's name, such as ``20261123-193000``."""
        return self.path.name

    def event(self, line: bytes) -> None:
        """Keep one line of a bake as it came."""
        with _disk(self.path):
            self._events.write(line if line.endswith(b"\n") else line + b"\n")

    def mark(
        self, bake: str, targets: Sequence[str], solved: Sequence[str], parents: Mapping[str, Sequence[str]]
    ) -> None:
        """Keep that a bake begins: its name, what it was asked for, and all that it solves with their parents.

        buildx reports none of this, and names its targets only where it solves several.
        """
        links = {name: list(parents.get(name, ())) for name in solved}
        begins = {"bake": bake, "targets": list(targets), "solved": list(solved), "parents": links}
        self.event(json.dumps({"bakegen": begins}).encode())

    def log(self, image: str, step: tuple[str, str], lines: Iterable[str]) -> None:
        """Append lines to an image's log; ``step`` is its digest and title, a header when another one spoke before."""
        with _disk(self.path):
            log = self._open_log(image)
            if log.step != step:
                log.file.write(f"==> {step[1]}\n" if log.step is None else f"\n==> {step[1]}\n")
                log.step = step
            log.file.writelines(line + "\n" for line in lines)

    def log_path(self, image: str) -> str:
        """Return an image's log, relative to the directory; "" when it has printed nothing."""
        return f"logs/{image}.log" if image in self._logs else ""

    def close_logs(self) -> None:
        """Close the images' logs, so that a large family does not run out of open files; they can be written again."""
        with _disk(self.path):
            for log in self._logs.values():
                log.file.close()

    def flush(self) -> None:
        """Hand to the system what is buffered, for whoever reads along."""
        with _disk(self.path):
            self._events.flush()
            for log in self._logs.values():
                if not log.file.closed:
                    log.file.flush()

    def text(self, name: str, text: str) -> Path:
        """Write a file of the run as a whole and return its path; a reader sees the old one or the new one."""
        path = self.path / name
        with _disk(path):
            part = path.with_name(f"{name}.part")
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
        return path

    def earlier(self, name: str, key: str) -> dict[str, Any]:
        """Return the object under ``key`` in a file of the run before this one; {} where there is none."""
        before = [path for path in self.path.parent.iterdir() if _ID.fullmatch(path.name) and path != self.path]
        with suppress(OSError, ValueError, AttributeError):
            found = json.loads((max(before) / name).read_bytes()).get(key)
            return dict(found) if isinstance(found, dict) else {}
        return {}

    def result(self, payload: dict[str, Any]) -> Path:
        """Write result.json and return its path."""
        return self.text("result.json", json.dumps({"version": RESULT_VERSION, **payload}, indent=2) + "\n")

    def _open_log(self, image: str) -> _Log:
        """Return an image's log, opened when it is not."""
        log = self._logs.get(image)
        if log is None or log.file.closed:
            logs = self.path / "logs"
            logs.mkdir(exist_ok=True)
            file = (logs / f"{image}.log").open("a", encoding="utf-8", newline="\n")
            log = self._logs[image] = _Log(file, log.step if log else None)
        return log


def _fresh(runs: Path, stamp: str) -> Path:
    """Return a new directory named after ``stamp``, with the next number behind it when that second has seen a run."""
    while True:
        taken = [int(match[1] or 1) for path in runs.glob(f"{stamp}*") if (match := _ID.fullmatch(path.name))]
        path = runs / (f"{stamp}-{max(taken) + 1}" if taken else stamp)
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path


def _outdated(runs: Path) -> list[Path]:
    """Return the runs that are older than the newest ones kept; what does not look like a run is not ours to judge."""
    found = []
    with os.scandir(runs) as entries:
        for entry in entries:
            match = _ID.fullmatch(entry.name)
            if match and entry.is_dir(follow_symlinks=False) and Path(entry.path, "events.ndjson").is_file():
                found.append((entry.name[:15], int(match[1] or 1), Path(entry.path)))
    return [path for _, _, path in sorted(found)[:-KEPT]]


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into a FilesError for a person."""
    try:
        yield
    except OSError as error:
        full = error.errno in {ENOSPC, EDQUOT}
        raise FilesError(
            Problem(
                f"the run cannot be recorded: {error.strerror or error}: {error.filename or path}",
                why="the disk is full" if full else "bakegen keeps what a build does under .bakegen/runs",
                next="free some space (`docker buildx du` shows what the build cache holds) and build again"
                if full
                else "make the directory writable, or remove what is in the way",
            )
        ) from error
