"""A whole build against a docker that replays what a real one said: a real child process, no engine."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakegen.build import BuildRequest, Outcome, Snapshot, World, build
from bakegen.engine.info import Builder
from bakegen.errors import BuildFailed, Cancelled, EngineError, FilesError, UsageError

pytestmark = pytest.mark.process

RECORDED = Path(__file__).parent / "fixtures" / "rawjson"
WORLD = World(today=lambda: datetime(2026, 11, 23, 19, 30, tzinfo=UTC), env={})
BASE = {"contexts": {"base:1": "target:base"}}
DEFINITION: dict[str, dict[str, Any]] = {
    "base": {"context": "base"},
    "asr": {"context": "asr", **BASE},
    "web": {"context": "web", **BASE},
    "broken": {"context": "broken", **BASE},
    "slow": {"context": "slow", **BASE},
}
FAKE = """\
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls.ndjson").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if "inspect" in sys.argv:
    print(os.environ.get("INSPECT", "Name: default\\nDriver: docker"))
elif "du" in sys.argv:
    print((here / "du.json").read_text() if (here / "du.json").exists() else "")
elif "info" in sys.argv:
    print("8")
elif "--print" in sys.argv:
    print((here / "print.json").read_text())
elif (here / "limit").exists() and len(sys.argv[sys.argv.index("--"):]) - 1 > int((here / "limit").read_text()):
    sys.exit("ERROR: target i22: NotFound: forwarding Ping: no such job aj6dag1lnio7x8goyvm4wo8o6")
else:
    sys.stderr.buffer.write((here / "said").read_bytes()); sys.stderr.flush()
    if "--metadata-file" in sys.argv and (here / "metadata.json").exists():
        target = sys.argv[sys.argv.index("--metadata-file") + 1]
        pathlib.Path(target).write_text((here / "metadata.json").read_text())
    if (here / "hang").exists():
        time.sleep(30)
    sys.exit(int((here / "exit").read_text()))
"""


class Seen:
    """A display that remembers."""

    def __init__(self, on_update: Callable[[], object] = lambda: None) -> None:
        """Take what to do at each update."""
        self.snapshots: list[Snapshot] = []
        self.outcome: Outcome | None = None
        self._on_update = on_update

    def update(self, snapshot: Snapshot) -> None:
        """Remember it."""
        assert self.outcome is None
        self.snapshots.append(snapshot)
        self._on_update()

    def close(self, snapshot: Snapshot, outcome: Outcome) -> None:
        """Remember it."""
        assert self.outcome is None
        self.snapshots.append(snapshot)
        self.outcome = outcome


class Docker:
    """A stand-in for docker: what it says and how it ends are files beside it."""

    def __init__(self, folder: Path) -> None:
        """Write the program."""
        self.folder = folder
        (folder / "fake.py").write_text(FAKE)
        self.command = (sys.executable, str(folder / "fake.py"))
        self.says(b"")

    def says(self, what: str | bytes, code: int = 0) -> None:
        """Set what it writes to stderr, a recording's name or bytes, and its exit code."""
        said = what if isinstance(what, bytes) else (RECORDED / f"{what}.ndjson").read_bytes()
        (self.folder / "said").write_bytes(said)
        (self.folder / "exit").write_text(str(code))

    def calls(self) -> list[list[str]]:
        """Return the command lines of the bakes so far."""
        calls = [json.loads(line) for line in (self.folder / "calls.ndjson").read_text().splitlines()]
        return [call for call in calls if "--metadata-file" in call]


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    folder = tmp_path / "fake"
    folder.mkdir()
    return Docker(folder)


def request(root: Path, targets: Sequence[str]) -> BuildRequest:
    return BuildRequest(tuple(targets), root, (Path("docker-bake.json"),), definition=DEFINITION)


def result_json(root: Path) -> dict[str, Any]:
    (path,) = root.glob(".bakegen/runs/*/result.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_success(docker: Docker, tmp_path: Path) -> None:
    docker.says("family")
    (docker.folder / "metadata.json").write_text(
        json.dumps({"asr": {"containerimage.digest": "sha256:abc"}, "buildx.build.warnings": {}})
    )
    shown = Seen()
    result = build(request(tmp_path, ("asr", "web", "base")), display=shown, docker_cmd=docker.command, world=WORLD)
    assert (result.id, result.outcome, shown.outcome) == ("20261123-193000", "built", "built")
    assert [(image.name, image.status, image.cached, image.steps) for image in result.images] == [
        ("base", "built", 0, 1),
        ("asr", "built", 0, 3),
        ("web", "built", 0, 1),
    ]
    assert [image.digest for image in result.images] == ["", "sha256:abc", ""]
    mark, *lines = (result.directory / "events.ndjson").read_bytes().splitlines(keepends=True)
    assert b"".join(lines) == (RECORDED / "family.ndjson").read_bytes()
    assert json.loads(mark)["bakegen"] == {
        "bake": "1",
        "targets": ["base", "asr", "web"],
        "solved": ["base", "asr", "web"],
        "parents": {"base": [], "asr": ["base"], "web": ["base"]},
    }
    log = (result.directory / "logs" / "asr.log").read_text()
    assert log == "==> RUN seq 1 25 > /out; echo compiled\ncompiled\n"
    assert (result.directory / "logs" / "base.log").read_text().endswith("\ninstalling\n")
    assert "installing" not in log
    told = result_json(tmp_path)
    assert (told["version"], told["status"], told["output"]) == (1, "built", "default")
    assert told["started"] == "2026-11-23T19:30:00+00:00"
    assert told["images"][1] == result.images[1].as_json()


def test_command_line_and_settings(docker: Docker, tmp_path: Path) -> None:
    docker.says("single")
    asked = replace(
        request(tmp_path, ("base",)), output="push", sets=("*.platform=linux/amd64",), args={"base": {"EPOCH": "1"}}
    )
    result = build(asked, docker_cmd=docker.command, world=WORLD)
    (call,) = docker.calls()
    assert call == [
        *("buildx", "bake", "--progress=rawjson", "--file", "docker-bake.json"),
        *("--file", str(result.directory / "override.json"), "--push", "--set", "*.platform=linux/amd64"),
        *("--metadata-file", str(result.directory / "metadata-1.json"), "--", "base"),
    ]
    settings = json.loads((result.directory / "override.json").read_text())
    assert settings == {"target": {"base": {"args": {"EPOCH": "1"}}}}


def test_buildx_is_asked_for_what_the_caller_does_not_know(docker: Docker, tmp_path: Path) -> None:
    docker.says("cached")
    (docker.folder / "print.json").write_text(
        json.dumps({"target": {name: DEFINITION[name] for name in ("base", "asr", "web")}})
    )
    asked = replace(request(tmp_path, ("web", "asr")), definition=None)
    result = build(asked, docker_cmd=docker.command, world=WORLD)
    assert [(image.name, image.status, image.selected) for image in result.images] == [
        ("base", "cached", False),
        ("web", "cached", True),
        ("asr", "cached", True),
    ]


def test_access_is_checked_before_anything_is_built(docker: Docker, tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    asked = replace(request(root, ("base",)), definition={"base": {"contexts": {"x": ".."}}})
    with pytest.raises(UsageError, match=r"fs\.read=\.\."):
        build(asked, docker_cmd=docker.command, world=WORLD)
    assert not (root / ".bakegen").exists()
    docker.says("single")
    assert build(replace(asked, allow=("fs.read=..",)), docker_cmd=docker.command, world=WORLD).outcome == "built"
    assert "fs.read=.." in docker.calls()[0]


def test_failure(docker: Docker, tmp_path: Path) -> None:
    docker.says("failure", 1)
    shown = Seen()
    with pytest.raises(BuildFailed) as caught:
        build(request(tmp_path, ("web", "slow", "broken")), display=shown, docker_cmd=docker.command, world=WORLD)
    (problem,) = caught.value.problems
    assert str(problem.where) == "broken/Dockerfile:2"
    assert problem.what.startswith("broken did not build: RUN echo fetching; seq 1 30")
    assert problem.what.endswith("exit code: 7")
    assert problem.why.splitlines()[0] == "the last 20 lines of the step:"
    assert problem.why.splitlines()[-1] == "      | no such package: torhc"
    assert len(problem.why.splitlines()) == 21
    assert "log: .bakegen/runs/20261123-193000/logs/broken.log" in problem.next
    told = result_json(tmp_path)
    assert told["status"] == shown.outcome == "failed"
    assert {image["name"]: image["status"] for image in told["images"]} == {
        "base": "cached",
        "web": "cached",
        "slow": "cancelled",
        "broken": "failed",
    }


def test_engine_goes_away(docker: Docker, tmp_path: Path) -> None:
    docker.says(b"ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n", 1)
    with pytest.raises(EngineError, match="no Docker engine answers"):
        build(request(tmp_path, ("base",)), docker_cmd=docker.command, world=WORLD)
    assert result_json(tmp_path)["status"] == "failed"


def test_no_engine(docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"
    monkeypatch.setenv("INSPECT", f"Name: default\nDriver:\nError: {words}")
    with pytest.raises(EngineError, match="no Docker engine answers at unix:///x"):
        build(request(tmp_path, ("base",)), docker_cmd=docker.command, world=WORLD)
    assert not (tmp_path / ".bakegen").exists()


def test_waves(docker: Docker, tmp_path: Path) -> None:
    names = ["base", *(f"i{number}" for number in range(120))]
    definition = {name: {} if name == "base" else {"contexts": {"base": "target:base"}} for name in names}
    asked = BuildRequest(tuple(reversed(names)), tmp_path, (Path("docker-bake.json"),), definition=definition)
    result = build(asked, docker_cmd=docker.command, world=WORLD)
    built = [call[call.index("--") + 1 :] for call in docker.calls()]
    assert [len(wave) for wave in built] == [50, 49, 22]
    assert built[0][0] == "base"
    assert sorted(name for wave in built for name in wave) == sorted(names)
    assert {image.status for image in result.images} == {"built"}


def test_a_wave_that_is_too_large_is_halved(docker: Docker, tmp_path: Path) -> None:
    (docker.folder / "limit").write_text("2")
    names = tuple(f"i{number}" for number in range(7))
    asked = BuildRequest(names, tmp_path, (Path("docker-bake.json"),), definition={name: {} for name in names})
    result = build(asked, docker_cmd=docker.command, world=WORLD)
    built = [call[call.index("--") + 1 :] for call in docker.calls()]
    assert [len(wave) for wave in built] == [7, 3, 1, 2, 4, 2, 2]
    assert [image.status for image in result.images] == ["built"] * 7
    (docker.folder / "limit").write_text("0")
    with pytest.raises(BuildFailed, match="no such job"):
        build(asked, docker_cmd=docker.command, world=WORLD)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_stop(docker: Docker, tmp_path: Path) -> None:
    docker.says("family", 1)
    (docker.folder / "hang").touch()
    shown = Seen(lambda: os.kill(os.getpid(), signal.SIGINT) if not shown.snapshots[1:] else None)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Cancelled) as caught:
        build(request(tmp_path, ("web", "asr", "base")), display=shown, docker_cmd=docker.command, world=WORLD)
    assert caught.value.exit_code == 130
    assert shown.outcome == "cancelled"
    assert result_json(tmp_path)["status"] == "cancelled"
    assert signal.getsignal(signal.SIGINT) is before


def test_stop_before_anything_is_built(docker: Docker, tmp_path: Path) -> None:
    asked: Future[Builder] = Future()
    asked.set_exception(KeyboardInterrupt())
    with pytest.raises(Cancelled, match="before anything was built"):
        build(request(tmp_path, ("base",)), docker_cmd=docker.command, builder=asked, world=WORLD)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_stop_between_waves(docker: Docker, tmp_path: Path) -> None:
    names = tuple(f"i{number}" for number in range(120))
    shown = Seen(lambda: os.kill(os.getpid(), signal.SIGTERM))
    asked = BuildRequest(names, tmp_path, (Path("docker-bake.json"),), definition={name: {} for name in names})
    docker.says(b"{}\n")
    with pytest.raises(Cancelled):
        build(asked, display=shown, docker_cmd=docker.command, world=WORLD)
    assert len(docker.calls()) == 1


def test_a_display_that_breaks_stops_the_build(docker: Docker, tmp_path: Path) -> None:
    def explode() -> None:
        raise KeyboardInterrupt

    docker.says("family")
    (docker.folder / "hang").touch()
    with pytest.raises(Cancelled):
        build(request(tmp_path, ("base",)), display=Seen(explode), docker_cmd=docker.command, world=WORLD)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(docker: Docker, tmp_path: Path) -> None:
    docker.says("family")
    (docker.folder / "hang").touch()
    logs = tmp_path / ".bakegen" / "runs" / "20261123-193000" / "logs"
    shown = Seen()

    def today() -> datetime:
        if logs.parent.is_dir():
            logs.mkdir()
            (logs / "base.log").symlink_to("/dev/full")
        return WORLD.today()

    world = replace(WORLD, today=today)
    with pytest.raises(FilesError, match="No space left"):
        build(request(tmp_path, ("base", "asr", "web")), display=shown, docker_cmd=docker.command, world=world)
    assert shown.outcome == "failed"


def test_outside_the_main_thread(docker: Docker, tmp_path: Path) -> None:
    docker.says("single")
    found: list[str] = []
    asked: Future[Builder] = Future()
    asked.set_result(Builder("default", "docker"))

    def work() -> None:
        result = build(request(tmp_path, ("base",)), docker_cmd=docker.command, builder=asked, world=WORLD)
        found.append(result.outcome)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["built"]


def caches_json(root: Path) -> dict[str, Any]:
    (path,) = root.glob(".bakegen/runs/*/caches.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


MOUNT = {
    "ID": "a",
    "Type": "exec.cachemount",
    "Description": 'cached mount /c from exec x with id "/pip"',
    "Size": "4.096kB",
    "LastUsedAt": "2026-11-23 19:30:00 +0000 UTC",
    "CreatedAt": "2026-11-23 19:00:00 +0000 UTC",
    "Reclaimable": True,
}


def test_what_is_recorded_of_the_engine(docker: Docker, tmp_path: Path) -> None:
    docker.says("family")
    (docker.folder / "du.json").write_text(json.dumps(MOUNT) + "\n" + json.dumps({**MOUNT, "ID": "b", "Size": "0B"}))
    build(request(tmp_path, ("asr", "web", "base")), docker_cmd=docker.command, world=WORLD)
    result, caches = result_json(tmp_path), caches_json(tmp_path)
    assert result["cpus"] == 8
    assert result["parents"] == {"base": [], "asr": ["base"], "web": ["base"]}
    assert caches["version"] == 1
    assert caches["before"] == caches["after"]
    known = {"id": "pip", "bytes": 4096, "description": MOUNT["Description"]}
    known |= {"last_used": 1_795_462_200.0, "created": 1_795_460_400.0}
    assert caches["after"] == [known, {**known, "bytes": None}]


def test_engine_that_does_not_say(docker: Docker, tmp_path: Path) -> None:
    """A builder that is elsewhere has cores of its own, and one that cannot be asked fails no build."""
    docker.says("family")
    (docker.folder / "du.json").mkdir()
    inspected: Future[Builder] = Future()
    inspected.set_result(Builder("far", "kubernetes"))
    build(request(tmp_path, ("asr", "web", "base")), docker_cmd=docker.command, builder=inspected, world=WORLD)
    assert result_json(tmp_path)["cpus"] is None
    assert caches_json(tmp_path) == {"version": 1, "before": None, "after": None}


def test_cache_mounts_are_asked_for_again_only_when_steps_ran(docker: Docker, tmp_path: Path) -> None:
    docker.says("cached")
    build(request(tmp_path, ("asr", "web", "base")), docker_cmd=docker.command, world=WORLD)
    calls = [json.loads(line) for line in (docker.folder / "calls.ndjson").read_text().splitlines()]
    assert len([call for call in calls if "du" in call]) <= 1
