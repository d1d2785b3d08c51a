"""How a build looks while it runs: live lines on a terminal, plain ones elsewhere; always on stderr.

Both get at most ten snapshots a second and look only at images whose state is another object than before.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from bakegen.build.model import FINAL
from bakegen.render.titles import brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.live import Live

    from bakegen.build.model import Display, ImageState, Outcome, Snapshot

REFRESH = 0.2  # seconds between two drawings of the live lines
PATIENCE = 0.5  # seconds after which preparation (loading a context, metadata) is worth a line
NARROW = 40
_PLAIN_COLUMNS = 100  # a log is read in wider windows than a terminal's, but not without end
STYLES = {"built": "green", "cached": "green", "failed": "bold red", "cancelled": "yellow"}
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def display(stream: TextIO | None = None, env: Mapping[str, str] | None = None) -> Display:
    """Return the display that suits ``stream`` (default: stderr): live on a terminal that can, else plain lines."""
    stream, env = stream or sys.stderr, os.environ if env is None else env
    live = stream.isatty() and env.get("TERM") != "dumb"
    return LiveLines(stream) if live else PlainLines(stream)


class PlainLines:
    """One line when an image begins a step or is finished; for logs, pipes and CI."""

    def __init__(self, stream: TextIO) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._news = News()

    def update(self, snapshot: Snapshot) -> None:
        """Write what is new."""
        width = name_width(snapshot)
        for image in self._news.of(snapshot):
            running = f"{image.name:<{width}}  {step_text(image)}"[:_PLAIN_COLUMNS]
            self._write(finished_line(image, width) if image.status in FINAL else running)
        self._stream.flush()

    def close(self, snapshot: Snapshot, outcome: Outcome) -> None:
        """Write what is new, and the summary."""
        self.update(snapshot)
        self._write(summary(snapshot, outcome))
        self._stream.flush()

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")


class LiveLines:
    """Running images as lines that are drawn over, finished ones above them as lines that stay."""

    def __init__(self, stream: TextIO) -> None:
        """Take the terminal; rich is imported at the first snapshot, when the engine is already at work."""
        self._stream = stream
        self._news = News()
        self._live: Live | None = None
        self._drawn = 0.0

    def update(self, snapshot: Snapshot) -> None:
        """Print the images that have finished and draw the running ones, at most five times a second."""
        if snapshot.now < self._drawn + REFRESH:
            return
        self._drawn = snapshot.now
        live = self._live or self._start()
        width, height = live.console.size
        live.update("\n".join(live_lines(snapshot, width, height)))
        self._print_finished(live, snapshot)
        live.refresh()

    def close(self, snapshot: Snapshot, outcome: Outcome) -> None:
        """Remove the running lines, print what has finished since, and the summary."""
        live = self._live or self._start()
        live.update("")
        live.stop()
        self._print_finished(live, snapshot)
        live.console.print(summary(snapshot, outcome), markup=False, highlight=False, soft_wrap=True)

    def _start(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            "", console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        return self._live

    def _print_finished(self, live: Live, snapshot: Snapshot) -> None:
        from rich.text import Text

        width = name_width(snapshot)
        for image in self._news.of(snapshot):
            if image.status in FINAL:
                live.console.print(Text(finished_line(image, width), STYLES.get(image.status, "")), soft_wrap=True)


class News:
    """What has not been shown yet."""

    def __init__(self) -> None:
        """Start with nothing shown."""
        self._seen: dict[str, ImageState] = {}
        self._ended: dict[str, str] = {}

    def of(self, snapshot: Snapshot) -> Iterator[ImageState]:
        """Yield the images that have begun a step or finished since the last call; never one that only waits."""
        for image in snapshot.images:
            before = self._seen.get(image.name)
            if image is before:
                continue
            self._seen[image.name] = image
            if image.status in FINAL:
                if self._is_an_end(image):
                    yield image
            elif image.number and image.name not in self._ended and _step(image) != (before and _step(before)):
                yield image

    def _is_an_end(self, image: ImageState) -> bool:
        """Return whether to tell that an image has ended: once, and again only when it fails after all."""
        before = self._ended.get(image.name)
        self._ended[image.name] = image.status
        if image.status == "cancelled":
            return before is None and image.began is not None
        return before is None or (image.status == "failed" and before != "failed")


def live_lines(snapshot: Snapshot, columns: int, rows: int) -> list[str]:
    """Return the lines of the running images and one that counts the rest, to fit ``columns`` and ``rows``."""
    width = name_width(snapshot)
    running = [image for image in snapshot.images if image.status == "running" and _worth_a_line(image, snapshot.now)]
    room = max(rows - 2, 1)
    lines = [running_line(image, width, snapshot.now, columns) for image in running[:room]]
    return [*lines, counts(snapshot, hidden=len(running) - len(lines))[: columns - 1]]


def running_line(image: ImageState, width: int, now: float, columns: int) -> str:
    """Return ``asr  4/7 RUN pip install ...  12.0 s``, cut to the columns with the time at their end."""
    elapsed = f"{max(now - (image.step_began or now), 0.0):.1f} s"
    amount = f"{image.amount[:NARROW]}  " if image.amount else ""
    room = columns - 1 - width - 4 - len(amount) - len(elapsed)
    text = step_text(image)
    text = text if len(text) <= room else text[: max(room - 3, 0)] + "..."
    return f"{image.name:<{width}}  {text:<{max(room, 0)}}  {amount}{elapsed}"[: columns - 1]


def finished_line(image: ImageState, width: int) -> str:
    """Return ``asr  built  12.3 s  5/9 cached``."""
    steps = f"  {image.cached}/{image.total} cached" if image.total and image.status != "cached" else ""
    return f"{image.name:<{width}}  {image.status:<9}  {image.seconds:>7.1f} s{steps}"


def step_text(image: ImageState) -> str:
    """Return ``4/7 RUN pip install ...`` on one line, without control characters."""
    count = f"{image.number}/{image.total} " if image.number else ""
    return count + _BLANK.sub(" ", brief(image.step) or "...")


def counts(snapshot: Snapshot, hidden: int = 0) -> str:
    """Return the line below the running images: how many are done, run and wait, and since when."""
    running = snapshot.count("running")
    more = f" ({hidden} not shown)" if hidden else ""
    parts = [f"{snapshot.count(*FINAL)} done", f"{running} running{more}", f"{snapshot.count('waiting')} waiting"]
    return f"{_images(len(snapshot.images))}: {', '.join(parts)}, {snapshot.now - snapshot.began:.1f} s"


def summary(snapshot: Snapshot, outcome: Outcome) -> str:
    """Return the last line, such as ``9 images in 48.1 s | 93 of 112 steps cached (83 %)``."""
    total = sum(image.total for image in snapshot.images)
    cached = sum(image.cached for image in snapshot.images)
    number = len(snapshot.images)
    seconds = f"{snapshot.now - snapshot.began:.1f} s"
    if outcome == "built":
        head = f"{_images(number)} in {seconds}"
    else:
        done = {"built": snapshot.count("built", "cached"), "failed": snapshot.count("failed")}
        told = [f"{count} {word}" for word, count in done.items() if count]
        head = f"{outcome} after {seconds}: {', '.join([*told, f'{number - sum(done.values())} not built'])}"
    return f"{head} | {cached} of {total} steps cached ({100 * cached // total} %)" if total else head


def name_width(snapshot: Snapshot) -> int:
    """Return the columns that the names take, so that what stands behind them lines up."""
    columns = shutil.get_terminal_size().columns
    return min(max((len(image.name) for image in snapshot.images), default=0), max(columns // 3, 8))


def _images(number: int) -> str:
    return f"{number} image{'' if number == 1 else 's'}"


def _step(image: ImageState) -> tuple[int, str]:
    """Return what of a running image makes it news."""
    return (image.number, image.step)


def _worth_a_line(image: ImageState, now: float) -> bool:
    """Return whether a running image is drawn: preparation that is over in a moment would only flicker."""
    return image.number > 0 or now - (image.step_began or now) > PATIENCE
