"""What one run takes in: every line of its bakes goes to the record, the tracker and the images' logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakegen.build.model import BuildResult, ImageResult
from bakegen.engine.events import Log, Vertex, parse_line
from bakegen.engine.logs import LogLines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakegen.build.model import BuildRequest, Outcome, Snapshot
    from bakegen.build.rundir import RunDirectory
    from bakegen.build.tracker import Tracker


class Watch:
    """The tracker and the record of a run, fed line by line."""

    def __init__(self, tracker: Tracker, directory: RunDirectory) -> None:
        """Take what the lines are fed to."""
        self.tracker, self.directory = tracker, directory
        self._lines = LogLines()

    def take(self, line: bytes, now: float) -> str:
        """Take in one line that arrived at ``now``; return its text when it is no progress, else ""."""
        self.directory.event(line)
        report = parse_line(line)
        if isinstance(report, str):
            return report
        for event in report:
            self.tracker.feed(event, now)
            if isinstance(event, Log):
                self._keep(event.vertex, self._lines.feed(event))
            elif isinstance(event, Vertex) and event.completed is not None:
                self._keep(event.digest, self._lines.flush(event.digest))
                if not event.error:
                    self._lines.forget(event.digest)
        return ""

    def tail(self, digest: str) -> tuple[str, ...]:
        """Return the last lines that a step printed."""
        return self._lines.tail(digest)

    def log_path(self, image: str) -> str:
        """Return an image's log as a user would open it from the project's root; "" when it has printed nothing."""
        log = self.directory.log_path(image)
        return (self.directory.shown / log).as_posix() if log else ""

    def _keep(self, digest: str, lines: Sequence[str]) -> None:
        """Append a step's lines to the log of every image that has the step as its own."""
        if lines:
            for image in self.tracker.owners(digest):
                self.directory.log(image, (digest, self.tracker.title(digest, image)), lines)


def result_of(snapshot: Snapshot, directory: RunDirectory, outcome: Outcome, digests: Mapping[str, str]) -> BuildResult:
    """Return the result that a snapshot amounts to."""
    images = tuple(
        ImageResult(
            name=image.name,
            status=image.status,
            selected=image.selected,
            seconds=image.seconds,
            steps=image.total,
            cached=image.cached,
            log=directory.log_path(image.name),
            digest=digests.get(image.name, ""),
        )
        for image in snapshot.images
    )
    return BuildResult(directory.id, outcome, snapshot.now - snapshot.began, images, directory.path)


def record(
    result: BuildResult,
    started: str,
    request: BuildRequest,
    parents: Mapping[str, Sequence[str]],
    cpus: int | None = None,
) -> dict[str, Any]:
    """Return what result.json says of a result; ``started`` is ISO 8601, UTC, ``cpus`` the engine's, None if unknown."""
    return {
        "id": result.id,
        "status": result.outcome,
        "started": started,
        "seconds": round(result.seconds, 3),
        "output": request.output,
        "cpus": cpus,
        "parents": {image.name: list(parents.get(image.name, ())) for image in result.images},
        "images": [image.as_json() for image in result.images],
        "warnings": [
            {"text": warning.short, "path": warning.path, "line": warning.line, "url": warning.url}
            for warning in result.warnings
        ],
    }
