"""The page: nothing in it is more than text, and it works in a browser without a network."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bakegen.report.fold import report
from bakegen.report.html import page, project
from bakegen.report.model import RunFacts
from bakegen.report.timeline import marks, next_round, rows
from bakegen.trace.model import Trace
from tests import browser
from tests.reports import BEGAN, FACTS, TRACE, hostile, sample, step

FIT = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
ZOOM = "Number(document.getElementById('grid').dataset.zoom)"
WIDTH = "document.getElementById('grid').offsetWidth"
FOCUSED = "document.activeElement.textContent.trim()"


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.found.append((tag, dict(attrs)))


def test_hostile_text_stays_text() -> None:
    found = Tags(page(hostile())).found
    assert [tag for tag, _ in found].count("script") == 1
    assert "img" not in {tag for tag, _ in found}
    assert {name for _, attributes in found for name in attributes if name.startswith("on")} == set()
    assert {tag for tag, _ in found} <= {tag for tag, _ in Tags(page(sample())).found} | {"pre"}


def test_only_the_pages_own_script_may_run() -> None:
    shown = page(sample())
    script = re.search(r"<script>(.*)</script>", shown, re.DOTALL)
    assert script
    digest = b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in shown
    assert not re.search(r"""(?:src|href)=(?!"#|"data:,")""", shown)
    assert "url(" not in shown
    assert "@import" not in shown


def test_timeline_shows_every_step_once() -> None:
    found = sample()
    bars = [bar for row in rows(found) for lane in row.lanes for bar in lane]
    assert len(bars) == sum(len(step.spans) for step in found.steps if step.kind != "internal")
    for row in rows(found):
        for lane in row.lanes:
            ends = [float(bar.left) + float(bar.width) for bar in lane]
            assert all(end <= float(bar.left) + 0.01 for end, bar in zip(ends, lane[1:], strict=False))
    assert [row.name for row in rows(found)] == ["base", "asr", "ml", "web"]
    torch = next(bar for bar in bars if bar.title == "pip torch")
    assert torch.label == "pip torch: 20.0 s, executed, python, 0 B downloaded, critical path"


def test_marks() -> None:
    assert list(marks(44.0))[:3] == [("0", "0 s"), ("22.727", "10 s"), ("45.455", "20 s")]
    assert list(marks(0.0)) == []
    assert [next_round(value) for value in (0.03, 0.7, 1.0, 3.0, 70.0)] == pytest.approx([0.05, 1.0, 1.0, 5.0, 100.0])


def test_200_images_stay_small() -> None:
    names = [f"image-{number}-of-a-large-family" for number in range(200)]
    steps = [
        step(f"{name}-{number}", "python", name, (number, number + 0.9), f"RUN uv pip install {'package ' * 30}&& x")
        for name in names
        for number in range(10)
    ]
    found = report(RunFacts("big", "built"), Trace(tuple(names), tuple(steps), BEGAN, BEGAN + 20.0))
    assert len(page(found).encode()) < 800_000


def test_project_of_a_run(tmp_path: Path) -> None:
    assert project(tmp_path / ".bakegen" / "runs" / "1") == tmp_path
    assert project(tmp_path / "moved" / "1") is None


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    """Give a tab of a headless browser; without one the test is skipped."""
    if browser.chromium() is None:
        pytest.skip(f"no browser: none of {', '.join(browser.NAMES)} is on PATH")
    with browser.page(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.process
@pytest.mark.parametrize("which", ["sample", "hostile", "empty"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_in_a_browser(which: str, width: int, dark: bool, tab: browser.Page, tmp_path: Path) -> None:
    found = {"sample": sample(), "hostile": hostile(), "empty": report(FACTS, Trace((), (), 0.0, 0.0))}[which]
    (path := tmp_path / "report.html").write_text(page(found), encoding="utf-8")
    tab.open(path, width, 800, dark=dark)
    assert tab.value(FIT)
    assert tab.value("document.title")
    assert tab.value("!document.getElementById('tools').hidden")
    back = tab.value("getComputedStyle(document.body).backgroundColor")
    assert back == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
    tab.value("document.querySelector('[role=rowheader]').focus()")
    tab.press("+", "ArrowRight", "ArrowDown", "-", "End", "0")
    assert tab.complaints() == []
    assert tab.requests() == []


@pytest.mark.process
@pytest.mark.parametrize("width", [1280, 400])
def test_keyboard(width: int, tab: browser.Page, tmp_path: Path) -> None:
    (path := tmp_path / "report.html").write_text(page(sample()), encoding="utf-8")
    tab.open(path, width, 800)
    wide = tab.value(WIDTH)
    tab.value("document.querySelector('[role=grid] [tabindex=\"0\"]').focus()")
    assert tab.value(FOCUSED).startswith("base")
    tab.press("ArrowRight", "ArrowRight")
    assert tab.value(FOCUSED).startswith(
        "FROM python:3.11: 2.5 s, executed, base, 45.0 MB moved, critical path, shared with 2"
    )
    assert tab.value("document.getElementById('detail').textContent") == tab.value(FOCUSED)
    tab.press("+", "+")
    assert tab.value(ZOOM) == pytest.approx(2.25, abs=0.01)
    assert tab.value(WIDTH) == pytest.approx(2.25 * wide, abs=2)
    assert tab.value(FIT)  # the timeline scrolls, the page does not
    tab.press("ArrowDown", "ArrowDown", "End")
    assert tab.value(FOCUSED).startswith("pip torch")
    seen = "(() => { const a = document.activeElement.getBoundingClientRect(), v = document.getElementById('scroller').getBoundingClientRect(); return a.right > v.left && a.left < v.right })()"
    assert tab.value(seen)
    assert tab.value("document.querySelectorAll('[role=grid] [tabindex=\"0\"]').length") == 1
    tab.press("-", "0")
    assert tab.value(ZOOM) == 1


@pytest.mark.process
def test_contrast(tab: browser.Page, tmp_path: Path) -> None:
    (path := tmp_path / "report.html").write_text(page(sample()), encoding="utf-8")
    for dark in (False, True):
        tab.open(path, 1280, 800, dark=dark)
        names = [
            "fore",
            "soft",
            "bad",
            "base",
            "apt",
            "python",
            "copy",
            "context",
            "export",
            "other",
            "back",
            "panel",
            "ink",
        ]
        style = "getComputedStyle(document.documentElement)"
        colours = {name: luminance(tab.value(f"{style}.getPropertyValue('--{name}')")) for name in names}
        for name in ("fore", "soft", "bad"):
            assert ratio(colours[name], colours["back"]) >= 4.5
            assert ratio(colours[name], colours["panel"]) >= 4.5
        for name in names[3:10]:
            assert ratio(colours[name], colours["ink"]) >= 4.5, name
            assert ratio(colours[name], colours["back"]) >= 3, name


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rgb`` or ``#rrggbb``: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    digits = colour.strip().removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: float, other: float) -> float:
    """Return the contrast of two luminances: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_the_trace_is_the_reports() -> None:
    assert sum(len(found.spans) for found in sample().steps) == sum(len(found.intervals) for found in TRACE.steps)
