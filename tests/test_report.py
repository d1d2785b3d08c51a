"""What a report says: the figures are the trace's, and every output shows them as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.report.compare import compare, figures, figures_of
from bakegen.report.document import document
from bakegen.report.fold import report
from bakegen.report.markdown import escaped, markdown
from bakegen.report.model import KINDS, Fetched, Report
from bakegen.report.text import WIDTH, after_build, text
from bakegen.report.words import shorten
from bakegen.trace.model import Trace
from tests.reports import BEGAN, FACTS, HOSTILE, STEPS, TRACE, hostile, sample, step

CELLS = re.compile(r"(?<!\\)\|")


def test_sums_are_the_traces() -> None:
    found = sample()
    assert found.whole.work == pytest.approx(sum(step.seconds for step in STEPS))
    for kind in KINDS:
        total = sum(step.seconds for step in STEPS if step.kind == kind)
        assert found.whole.seconds[kind] == pytest.approx(total)
        assert sum(image.sums.seconds[kind] for image in found.images) == pytest.approx(total)
    assert (found.whole.total, found.whole.cached) == (6, 1)
    assert (found.whole.context, found.whole.pulled) == (12_000, 45_000_000)
    assert found.path_seconds == pytest.approx(0.5 + 2.5 + 6.0 + 20.0 + 10.0 + 4.5 + 0.5)
    assert found.path_images == ("base", "ml", "asr")
    assert (found.seconds, found.span) == (45.5, 44.0)


def test_images() -> None:
    asr = next(image for image in sample().images if image.name == "asr")
    web = next(image for image in sample().images if image.name == "web")
    assert asr.seconds == pytest.approx(44.0 - 0.5)
    assert (asr.total, asr.cached, asr.shared) == (2, 0, 0)
    assert asr.sums.work == pytest.approx(10.0 + 3.0 + 4.5)
    assert (web.total, web.shared, web.sums.work) == (2, 1, 0.0)


def test_downloads_are_known_or_not() -> None:
    found = sample()
    assert (found.whole.apt, found.whole.python) == (Fetched(4_300_000), Fetched(70_000_000))

    def python(*logs: str, title: str = "RUN pip install x", cached: bool = False) -> Fetched | None:
        steps = (step(f"{n}", "python", "a", (n, n + 1), title, log=log, cached=cached) for n, log in enumerate(logs))
        return report(FACTS, Trace(("a",), tuple(steps), BEGAN, BEGAN + 9.0)).whole.python

    large = "Downloading torch (10.0MiB)\nPrepared 2 packages in 1s"
    assert python("", cached=True) == Fetched(0)  # what did not run downloaded nothing
    assert python("", title="RUN uv venv /opt/venv") == Fetched(0)
    assert python("") is None
    assert python(large) == Fetched(10_485_760, exact=False)  # uv names no small files
    assert python(large, "") == Fetched(10_485_760, exact=False)
    assert python("Prepared 2 packages in 1s") is None


def test_caches() -> None:
    apt, uv = sample().caches
    assert (apt.id, apt.state, apt.before, apt.after, apt.delta) == (
        "apt-bookworm",
        "cold",
        0,
        310_000_000,
        310_000_000,
    )
    assert (uv.id, uv.state, uv.reason, uv.delta) == ("uv-cp311", "bypassed", "UV_NO_CACHE is set", 800_000_000)
    assert uv.images == ("ml", "asr")
    unmeasured, _ = report(FACTS, TRACE).caches
    assert (unmeasured.state, unmeasured.before, unmeasured.after, unmeasured.delta) == (None, None, None, None)


def test_advice_names_the_longest_step() -> None:
    first, *_ = sample().advice
    assert first == "longest on it: ml: pip torch, 20.0 s (45 %)"
    assert report(FACTS, TRACE).advice == ()


def test_text_fits_80_columns() -> None:
    shown = text(sample())
    assert "run 20261123-193000: built, 4 images in 45.5 s\n1 of 6 distinct steps cached (17 %)" in shown
    assert "critical path base > ml > asr 44.0 s" in shown
    assert re.search(r"^uv-cp311 +bypassed +4\.8 GB +\+800\.0 MB$", shown, re.MULTILINE)
    assert "cache uv-cp311 is bypassed: UV_NO_CACHE is set\n    remove UV_NO_CACHE" in shown
    for found in (sample(), hostile(), report(FACTS, Trace((), (), 0.0, 0.0))):
        lines = [*text(found).splitlines(), *after_build(found, "r.html")]
        assert all(len(line) <= WIDTH and line == line.rstrip() for line in lines)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", "".join(lines))


def test_long_names_keep_both_ends() -> None:
    assert [shorten(name, 10) for name in ("short", "exactly-10", "asr-cuda121-py311", "asr-cuda121-py312")] == [
        *("short", "exactly-10", "asr-...311", "asr-...312")
    ]
    assert shorten("name", 3) == "..."


def test_after_build() -> None:
    assert after_build(sample(), ".bakegen/runs/1/report.html") == [
        "critical path base > ml > asr 44.0 s",
        "downloaded: 70.0 MB by pip and uv, 4.3 MB by apt",
        "sizes: 4 images in 5.6 GB (11.5 GB without sharing layers); ml adds the most,",
        "  5.0 GB",
        "caches: apt-bookworm cold (310.0 MB), uv-cp311 bypassed (4.8 GB)",
        "cache uv-cp311 is bypassed: UV_NO_CACHE is set",
        "    remove UV_NO_CACHE",
        "report: .bakegen/runs/1/report.html",
    ]


@pytest.mark.parametrize("found", [sample(), hostile(), report(FACTS, Trace((), (), 0.0, 0.0))])
def test_markdown_tables_are_whole(found: Report) -> None:
    shown = markdown(replace(found, compared=(compare(figures(sample()), figures(found)),)))
    blocks = re.findall(r"(?:^\|.*\n)+", shown, re.MULTILINE)
    assert blocks
    for block in blocks:
        lines = block.splitlines()
        assert re.fullmatch(r"\|( (---|---:) \|)+", lines[1])
        assert {len(CELLS.findall(line)) for line in lines} == {len(CELLS.findall(lines[1]))}
    assert "<script" not in shown.replace("\\<", "")
    assert "\x1b" not in shown


@given(st.text())
def test_markdown_shows_any_text(text: str) -> None:
    shown = escaped(text)
    assert "\n" not in shown
    assert not CELLS.search(shown)
    assert not re.search(r"(?<!\\)[<`\[*_]", shown)


def test_json_is_versioned_and_plain() -> None:
    for found in (sample(), hostile()):
        told = json.loads(json.dumps(document(found)))
        assert told["version"] == 1
        assert [image["name"] for image in told["images"]] == [image.name for image in found.images]
    told = document(sample())
    assert sum(told["whole"]["seconds"].values()) == pytest.approx(sample().whole.work)
    assert told["critical_path"]["images"] == ["base", "ml", "asr"]
    assert [image["size"] for image in told["images"]] == [
        {"bytes": 400_000_000, "parent": 0, "own": 400_000_000},
        {"bytes": 5_400_000_000, "parent": 400_000_000, "own": 5_000_000_000},
        {"bytes": 5_470_000_000, "parent": 5_400_000_000, "own": 70_000_000},
        {"bytes": 190_000_000, "parent": None, "own": None},  # its parent is not measured
    ]
    assert told["stored"] == 5_560_000_000
    unknown = document(hostile())
    assert (unknown["images"][0]["size"], unknown["stored"]) == (None, None)  # not recorded, and not made up


def test_a_run_compared_through_its_json() -> None:
    found = sample()
    assert figures_of(json.loads(json.dumps(document(found)))) == figures(found)


def test_comparison() -> None:
    now = sample()
    earlier = replace(figures(now), run="earlier", seconds=50.0, images={"base": (5.0, {"apt": 1.0}), "old": (1.0, {})})
    found = compare(figures(now), earlier)
    assert found.seconds.delta == pytest.approx(-4.5)
    assert found.note == "other images"
    by_name = {image.seconds.name: image for image in found.images}
    assert by_name["base"].seconds.delta == pytest.approx(8.5 - 5.0)
    assert {c.name: c.delta for c in by_name["base"].kinds}["apt steps"] == pytest.approx(5.0)
    assert by_name["old"].seconds.after is None
    assert by_name["ml"].seconds.before is None
    shown = text(replace(now, compared=(found,)))
    assert re.search(r"^wall +50\.0 s +45\.5 s +-4\.5 s$", shown, re.MULTILINE)
    assert re.search(r"^old +1\.0 s +- +gone$", shown, re.MULTILINE)


def test_hostile_names_stay_text() -> None:
    assert HOSTILE in document(hostile())["images"][0]["name"]  # JSON carries it whole
    assert "\x1b" not in text(hostile())


def test_times_of_another_build_are_told() -> None:
    assert sample().missing == ()
    (remark,) = report(replace(FACTS, seconds=9.0), TRACE).missing
    assert remark.startswith("steps span 44.0 s, the run took 9.0 s: another build")
    long = report(replace(FACTS, elapsed={"base": 305.0, "ml": 7.0}), TRACE).images
    assert [image.seconds for image in long[:2]] == [8.5, 7.0]  # as the trace has it where the build cannot be right
