"""From a run's directory to its report: whole records, damaged ones, and which run is meant."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen import cli
from bakegen.errors import UsageError
from bakegen.report import HTML_FILE, JSON_FILE, build, html, write
from bakegen.report.find import find, previous
from bakegen.report.read import read
from bakegen.report.text import text
from bakegen.report.timeline import rows
from tests.support import ROOT

FAMILY = ROOT / "tests" / "fixtures" / "rawjson" / "family.ndjson"
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return what makes a run of a real family under ``tmp_path``."""

    def make(name: str, events: bytes | None = None, **result: Any) -> Path:  # noqa: ANN401 - JSON
        directory = tmp_path / ".bakegen" / "runs" / name
        directory.mkdir(parents=True)
        (directory / "events.ndjson").write_bytes(FAMILY.read_bytes() if events is None else events)
        images = [{"name": "base", "status": "built", "seconds": 0.5}]
        told = {
            "id": name,
            "status": "built",
            "seconds": 9.5,
            "output": "default",
            "cpus": 2,
            "images": images,
            **result,
        }
        (directory / "result.json").write_text(json.dumps(told))
        return directory

    return make


def test_a_whole_record(made: Made) -> None:
    found = build(made("20261123-193000"))
    record = read(find(Path.cwd(), str(made("20261123-193001"))))
    assert found.run.outcome == "built"
    assert (found.seconds, found.run.cpus) == (9.5, 2)
    assert found.images[0].seconds == 0.5
    assert found.whole.work == pytest.approx(sum(step.seconds for step in record.trace.steps))
    assert found.whole.work > 0
    assert found.efficiency is not None
    assert 0 < found.path_seconds <= found.span + 1e-6
    assert found.missing == ("sizes of cache mounts were not recorded (no caches.json)",)


def test_sizes_of_caches(made: Made) -> None:
    run = made("20261123-193000")
    entry = {"id": "uv", "bytes": 5, "last_used": 0, "created": 0, "description": ""}
    (run / "caches.json").write_text(
        json.dumps({"version": 1, "before": None, "after": [entry, {"id": "held", "bytes": None}, {"id": 1}, 3]})
    )
    record = read(run)
    assert record.before is None
    assert [(mount.id, mount.size) for mount in record.after or ()] == [("uv", 5), ("held", 0)]
    assert record.missing == ("sizes of cache mounts before the run were not recorded",)
    (run / "caches.json").write_text("{")
    assert "caches.json is damaged" in read(run).missing[0]


def test_a_killed_run(made: Made) -> None:
    whole = FAMILY.read_bytes()
    run = made("20261123-193000", whole[: len(whole) // 2 + 7], status="running", seconds=None)
    shown = text(build(run))
    assert "run 20261123-193000: unfinished" in shown
    assert "not known: the run has no end: it is still going on, or was killed" in shown
    assert "not known: events.ndjson ends in the middle of a line" in shown
    (run / "result.json").unlink()
    assert "result.json is missing or damaged" in text(build(run))
    (run / "events.ndjson").unlink()
    (run / "result.json").write_text("{}")
    assert "events.ndjson cannot be read" in text(build(run))


@given(events=st.binary(max_size=200), result=st.binary(max_size=50), cut=st.integers(0, 100_000))
def test_any_record_has_a_report(
    tmp_path_factory: pytest.TempPathFactory, events: bytes, result: bytes, cut: int
) -> None:
    run = tmp_path_factory.mktemp("run")
    (run / "events.ndjson").write_bytes(FAMILY.read_bytes()[:cut] + events)
    (run / "result.json").write_bytes(result)
    assert text(build(run)).startswith("run ")


def test_which_run(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run is recorded here"):
        find(tmp_path)
    first, last = made("20261123-193000-9"), made("20261123-193000-10")
    (tmp_path / ".bakegen" / "runs" / "mine").mkdir()
    (below := tmp_path / "a" / "b").mkdir(parents=True)
    assert find(below) == last
    assert find(tmp_path, "20261123-193000-9") == first
    assert find(tmp_path, str(first)) == first
    for word in ("20261123-193000-8", "20261123-19300"):
        with pytest.raises(UsageError, match="did you mean 20261123-193000-"):
            find(tmp_path, word)
    for word in ("zzz", "a\0b", "", "mine"):
        with pytest.raises(UsageError, match="no run"):
            find(tmp_path, word)


def test_the_previous_run_is_one_like_it(made: Made) -> None:
    like = made("20261123-193000")
    made("20261123-193001", status="failed")
    made("20261123-193002", images=[{"name": "other"}])
    made("20261123-193003", output="push")
    run = made("20261123-193004")
    made("20261123-193005")
    assert previous(run) == like
    assert previous(like) is None
    assert [comparison.run for comparison in build(run).compared] == [like.name]
    assert [comparison.run for comparison in build(run, made("20261123-193006")).compared][1:] == ["20261123-193006"]


def test_an_earlier_run_is_read_from_its_own_report(made: Made) -> None:
    earlier, run = made("20261123-193000"), made("20261123-193001", seconds=10.0)
    folded = build(run).compared
    write(earlier)
    assert build(run).compared == folded
    (earlier / "events.ndjson").unlink()
    assert build(run).compared == folded
    (earlier / JSON_FILE).write_text('{"version": 1}')  # damaged: what is left of the record is used
    assert build(run).compared[0].run == earlier.name


def test_written_files(made: Made) -> None:
    run = made("20261123-193000")
    write(run)
    assert json.loads((run / JSON_FILE).read_text())["version"] == 1
    assert (run / HTML_FILE).read_text().startswith("<!doctype html>")
    assert not list(run.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        ([], "run 20261123-193000: built"),
        (["--json"], "{\n"),
        (["--html"], "<!doctype html>"),
        (["--markdown"], "### built: "),
        (["--compare", "20261123-193000"], "run 20261123-193000: built"),
    ],
)
def test_the_verb(
    arguments: list[str], begins: str, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made("20261123-193000"))
    assert cli.run(["report", *arguments]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(begins)
    assert cli.run(["report", *arguments, "-o", "out"]) == 0
    assert Path("out").read_text(encoding="utf-8") == shown
    assert cli.run(["report", *arguments, "-o", "no/such/out"]) == 7
    assert cli.run(["report", "20261123-193001"]) == 2
    assert "did you mean 20261123-193000?" in capsys.readouterr().err


def test_a_project_has_its_own_template(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made("20261123-193000")
    (tmp_path / "templates").mkdir()
    own = tmp_path / "templates" / "report.html.j2"
    own.write_text("{{ report.run.id }} {{ '<' }}")
    assert cli.run(["report", str(run), "--html"]) == 0
    assert capsys.readouterr().out == "20261123-193000 &lt;\n"
    own.write_text("{{ nothing }}")
    html.environment.cache_clear()  # it lives as long as the process
    assert cli.run(["report", str(run), "--html"]) == 3
    assert "templates/report.html.j2:1: template: 'nothing' is undefined" in capsys.readouterr().err


def test_a_real_build_of_15_images(tmp_path: Path) -> None:
    (run := tmp_path / "run").mkdir()
    (run / "events.ndjson").write_bytes(gzip.decompress((ROOT / "tests" / "data" / "build-15.ndjson.gz").read_bytes()))
    found, steps = build(run), read(run).trace.steps
    assert len(found.images) == 15
    assert found.whole.total == sum(step.counted for step in steps)
    assert found.whole.cached == sum(step.counted and step.cached for step in steps)
    assert found.whole.work == pytest.approx(sum(step.seconds for step in steps))
    assert sum(image.sums.work for image in found.images) + sum(
        step.seconds for step in found.steps if not step.images
    ) == pytest.approx(found.whole.work)
    assert found.path_seconds == pytest.approx(found.span)
    bars = sum(len(lane) for row in rows(found) for lane in row.lanes)
    assert bars == sum(len(step.intervals) for step in steps if step.kind != "internal")
    assert all(len(line) <= 80 for line in text(found).splitlines())
    assert len(html.page(found)) < 100_000
