"""How a build looks while it runs."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from bakegen.build.model import ImageState, Snapshot
from bakegen.cli.progress import (
    LiveLines,
    PlainLines,
    counts,
    display,
    finished_line,
    live_lines,
    running_line,
    summary,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def running(name: str = "asr", step: str = "RUN make", number: int = 2, **more: object) -> ImageState:
    return ImageState(name, "running", step=step, number=number, total=5, began=1.0, step_began=1.0, **more)  # type: ignore[arg-type]  # the fields of ImageState


BUILT = ImageState("asr", "built", total=5, cached=2, done=5, seconds=12.34, began=1.0)
CACHED = ImageState("base", "cached", total=4, cached=4, done=4, seconds=0.4)
WAITING = ImageState("web")


def snapshots() -> list[Snapshot]:
    """Return a short build: base cached, asr in two steps, web never reached."""
    states = [
        (CACHED, running(), WAITING),
        (CACHED, running(), WAITING),
        (CACHED, running(step="RUN test", number=3), WAITING),
        (CACHED, BUILT, WAITING),
    ]
    return [Snapshot(images, 0.0, float(number)) for number, images in enumerate(states, 1)]


def test_which_display() -> None:
    assert isinstance(display(io.StringIO(), {}), PlainLines)
    assert isinstance(display(Terminal(), {}), LiveLines)
    assert isinstance(display(Terminal(), {"TERM": "dumb"}), PlainLines)


def test_plain_lines_only_for_news() -> None:
    stream = io.StringIO()
    shown = PlainLines(stream)
    for snapshot in snapshots():
        shown.update(snapshot)
    shown.close(snapshots()[-1], "built")
    assert stream.getvalue().splitlines() == [
        "base  cached         0.4 s",
        "asr   2/5 RUN make",
        "asr   3/5 RUN test",
        "asr   built         12.3 s  2/5 cached",
        "3 images in 4.0 s | 6 of 9 steps cached (66 %)",
    ]


def test_plain_lines_hold_no_control_characters() -> None:
    stream = io.StringIO()
    shown = PlainLines(stream)
    shown.update(Snapshot((running(step="RUN a \x1b[31m\n b\tc"),)))
    assert stream.getvalue() == "asr  2/5 RUN a [31m b c\n"


def test_preparation_is_no_news() -> None:
    stream = io.StringIO()
    PlainLines(stream).update(Snapshot((running(step="load build context", number=0),)))
    assert stream.getvalue() == ""


def test_an_image_ends_once_and_fails_after_all() -> None:
    stream = io.StringIO()
    shown = PlainLines(stream)
    for state in (BUILT, running(step="pushing", number=0), BUILT, ImageState("asr", "failed", seconds=13.0)):
        shown.update(Snapshot((state,)))
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["built", "failed"]


def test_images_that_never_began_are_not_told_one_by_one() -> None:
    stream = io.StringIO()
    cancelled = (ImageState("a", "cancelled"), ImageState("b", "cancelled", began=1.0), ImageState("c", "failed"))
    PlainLines(stream).close(Snapshot(cancelled, 0.0, 9.0), "failed")
    assert stream.getvalue().splitlines() == [
        "b  cancelled      0.0 s",
        "c  failed         0.0 s",
        "failed after 9.0 s: 1 failed, 2 not built",
    ]


@pytest.mark.parametrize("columns", [40, 80, 120, 10])
def test_lines_fit(columns: int) -> None:
    image = running("diarization", "RUN pip install " + "x" * 200, amount="1.2 GB / 3.4 GB")
    line = running_line(image, 11, 100.0, columns)
    assert len(line) <= columns - 1
    if columns >= 80:
        assert line.startswith("diarization  2/5 RUN pip install xx")
        assert line.endswith("...  1.2 GB / 3.4 GB  99.0 s")


def test_running_line() -> None:
    assert running_line(running(), 6, 13.0, 40) == "asr     2/5 RUN make             12.0 s"


def test_live_lines_fit_the_rows_and_count_the_rest() -> None:
    images = tuple(running(f"i{number}") for number in range(30))
    lines = live_lines(Snapshot((*images, WAITING, BUILT), 0.0, 5.0), 80, 10)
    assert len(lines) == 9
    assert lines[-1] == "32 images: 1 done, 30 running (22 not shown), 1 waiting, 5.0 s"


def test_live_lines_leave_out_what_is_over_in_a_moment() -> None:
    image = running(step="load metadata", number=0)
    assert len(live_lines(Snapshot((image,), 0.0, 1.2), 80, 24)) == 1
    assert len(live_lines(Snapshot((image,), 0.0, 9.0), 80, 24)) == 2


def test_finished_line() -> None:
    assert finished_line(BUILT, 5) == "asr    built         12.3 s  2/5 cached"
    assert finished_line(CACHED, 5) == "base   cached         0.4 s"
    assert finished_line(ImageState("x", "built", seconds=1.0), 5) == "x      built          1.0 s"


def test_counts_and_summary() -> None:
    snapshot = Snapshot((BUILT, CACHED, WAITING, running("x")), 0.0, 7.0)
    assert counts(snapshot) == "4 images: 2 done, 1 running, 1 waiting, 7.0 s"
    assert summary(Snapshot((BUILT,), 0.0, 7.0), "built") == "1 image in 7.0 s | 2 of 5 steps cached (40 %)"
    assert summary(Snapshot((WAITING,), 0.0, 7.0), "built") == "1 image in 7.0 s"
    assert summary(snapshot, "cancelled").startswith("cancelled after 7.0 s: 2 built, 2 not built | ")


def test_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    shown = LiveLines(stream)
    for snapshot in snapshots():
        shown.update(snapshot)
    shown.close(snapshots()[-1], "built")
    text = stream.getvalue()
    assert "\x1b[32mbase  cached         0.4 s" in text
    assert "asr   2/5 RUN make" in text
    assert "\x1b[32masr   2/5" not in text
    assert text.count("built         12.3 s  2/5 cached") == 1
    assert text.endswith("3 images in 4.0 s | 6 of 9 steps cached (66 %)\n")
    assert text.rstrip().rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    shown = LiveLines(stream)
    shown.update(snapshots()[0])
    shown.close(snapshots()[-1], "built")
    assert "\x1b[32m" not in stream.getvalue()


def test_live_lines_are_drawn_five_times_a_second_at_most() -> None:
    stream = Terminal()
    shown = LiveLines(stream)
    for number in range(100):
        shown.update(Snapshot((running(),), 0.0, 1.0 + number / 100))
    assert 4 <= stream.getvalue().count("1 image:") <= 6


@pytest.mark.process
def test_rich_is_imported_only_on_a_terminal() -> None:
    code = (
        "import io, sys\nfrom bakegen.cli.progress import display\nfrom bakegen.build.model import *\n"
        "shown = display(io.StringIO()); shown.close(Snapshot(()), 'built')\n"
        "assert 'rich' not in sys.modules and 'python_on_whales' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
