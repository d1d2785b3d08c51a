"""The record of a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakegen.build.rundir import KEPT, RUNS, RunDirectory
from bakegen.errors import FilesError

NOW = datetime(2026, 11, 23, 19, 30, 0, tzinfo=UTC)


def test_what_is_kept(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, NOW) as run:
        assert run.id == "20261123-193000"
        run.event(b"{}\n")
        run.event(b"ERROR: last")
        run.log("asr", ("a", "RUN one"), ["1", "2"])
        run.log("asr", ("a", "RUN one"), ["3"])
        run.log("asr", ("b", "RUN two"), ["größe"])
        run.close_logs()
        run.log("asr", ("b", "RUN two"), ["more"])
        run.flush()
        assert run.log_path("asr") == "logs/asr.log"
        assert run.log_path("web") == ""
        run.result({"id": run.id})
    assert (run.path / "events.ndjson").read_bytes() == b"{}\nERROR: last\n"
    expected = "==> RUN one\n1\n2\n3\n\n==> RUN two\ngröße\nmore\n"
    assert (run.path / "logs" / "asr.log").read_text(encoding="utf-8") == expected
    assert json.loads((run.path / "result.json").read_text()) == {"version": 1, "id": "20261123-193000"}
    assert not list(run.path.glob("*.part"))
    assert (tmp_path / ".bakegen" / ".gitignore").read_text() == "*\n"


def test_runs_of_one_second(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        with RunDirectory(tmp_path, NOW) as run:
            names.append(run.id)
    assert names == ["20261123-193000", "20261123-193000-2", "20261123-193000-3"]


def test_only_old_runs_are_dropped(tmp_path: Path) -> None:
    runs = tmp_path / RUNS
    for number in range(KEPT + 5):
        old = runs / f"20260101-0000{number:02}"
        old.mkdir(parents=True)
        (old / "events.ndjson").touch()
    (runs / "20250101-000000").mkdir()
    (runs / "mine").mkdir()
    (runs / "20250101-000001").symlink_to(tmp_path)
    (runs / "20250101-000002").touch()
    with RunDirectory(tmp_path, NOW):
        pass
    left = sorted(path.name for path in runs.iterdir())
    kept = [f"20260101-0000{number:02}" for number in range(6, KEPT + 5)]
    assert left == ["20250101-000000", "20250101-000001", "20250101-000002", *kept, "20261123-193000", "mine"]


def test_numbers_count_as_numbers(tmp_path: Path) -> None:
    for _ in range(KEPT + 3):
        with RunDirectory(tmp_path, NOW) as run:
            pass
    assert run.id == f"20261123-193000-{KEPT + 3}"
    assert run.path.is_dir()
    assert len(list((tmp_path / RUNS).iterdir())) == KEPT
    assert not (tmp_path / RUNS / "20261123-193000-3").exists()


def test_something_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".bakegen").write_text("a file")
    with pytest.raises(FilesError, match="cannot be recorded") as caught:
        RunDirectory(tmp_path, NOW)
    assert "what is in the way" in caught.value.problems[0].next


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, NOW)
    run.log("asr", ("a", "RUN"), ["x"])
    (run.path / "logs" / "web.log").symlink_to("/dev/full")
    run.log("web", ("a", "RUN"), ["x"])
    with pytest.raises(FilesError, match="No space left on device") as caught:
        run.flush()
    assert caught.value.problems[0].why == "the disk is full"
    with pytest.raises(FilesError), run:
        pass
