"""Builds on a real engine: success and caches, failure, siblings, Ctrl-C, zstd, many targets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakegen.build import BuildRequest, BuildResult, build
from bakegen.build.model import Stamp
from bakegen.engine.bake import bake_print
from bakegen.engine.client import docker_command
from bakegen.engine.events import Vertex, parse_line
from bakegen.engine.names import parse_name
from bakegen.errors import BuildFailed, EngineError

if TYPE_CHECKING:
    from tests import lab

pytestmark = pytest.mark.engine

SLIM = "python:3.11-slim"
BAKE = Path("docker-bake.json")


class Family:
    """A small project on disk, with a word in its steps that no build before it has seen."""

    def __init__(self, root: Path, base: str) -> None:
        """Take the project's directory and the base to build on."""
        self.root, self.base = root, base
        self.mark = f"{time.time_ns():x}"
        self.targets: dict[str, dict[str, Any]] = {}

    def add(self, name: str, *steps: str, parent: str = "", tag: bool = False, **attributes: Any) -> None:  # noqa: ANN401
        """Write an image: FROM the base or a parent, then the steps, one a line."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        start = f"{parent}:1" if parent else self.base
        (folder / "Dockerfile").write_text("\n".join([f"FROM {start}", *steps, ""]).replace("MARK", self.mark))
        target: dict[str, Any] = {"context": name, **attributes}
        if parent:
            target["contexts"] = {start: f"target:{parent}"}
        if tag:
            target["tags"] = [f"bakegen-test-{name}:{self.mark}"]
        self.targets[name] = target
        (self.root / BAKE).write_text(json.dumps({"target": self.targets}))

    def request(self, *targets: str, **more: Any) -> BuildRequest:  # noqa: ANN401 - the fields of BuildRequest
        """Return a request for these targets."""
        return BuildRequest(targets, self.root, (BAKE,), definition=self.targets, **more)


@pytest.fixture
def docker(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    return docker_command()


@pytest.fixture
def family(engine: lab.Engine, docker: tuple[str, ...], tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path, engine.substitutions.get(SLIM, SLIM))
    yield made
    tags = [tag for target in made.targets.values() for tag in target.get("tags", ())]
    if tags:
        subprocess.run([*docker, "image", "rm", "--force", *tags], check=False, capture_output=True)


def brief(result: BuildResult) -> dict[str, tuple[str, int, int]]:
    return {image.name: (image.status, image.cached, image.steps) for image in result.images}


def layer_types(docker: tuple[str, ...], reference: str) -> list[str]:
    """Return the media types of an image's layers, as `docker image save` writes them."""
    saved = subprocess.run([*docker, "image", "save", reference], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(saved)) as tar:
        blobs = [member for member in tar.getmembers() if member.name.startswith("blobs/") and member.size < 100_000]
        texts = [file.read() for member in blobs if (file := tar.extractfile(member))]
    manifests = [json.loads(text) for text in texts if text.startswith(b"{")]
    return [
        layer["mediaType"]
        for manifest in manifests
        for layer in manifest.get("layers", ())
        if "in-toto" not in layer["mediaType"]
    ]


def test_build_then_cached_then_one_change(family: Family) -> None:
    family.add("base", "RUN echo MARK > /base")
    family.add("asr", "COPY model /model", "RUN cat /base /model", parent="base", tag=True)
    family.add("web", "RUN echo web-MARK", parent="base")
    (family.root / "asr" / "model").write_text("one")
    asked = family.request("asr", "web")
    assert brief(build(asked)) == {"base": ("built", 0, 1), "asr": ("built", 0, 2), "web": ("built", 0, 1)}
    again = build(asked)
    assert brief(again) == {"base": ("cached", 1, 1), "asr": ("cached", 2, 2), "web": ("cached", 1, 1)}
    (family.root / "asr" / "model").write_text("two")
    changed = build(asked)
    assert brief(changed) == {"base": ("cached", 1, 1), "asr": ("built", 0, 2), "web": ("cached", 1, 1)}
    asr = next(image for image in changed.images if image.name == "asr")
    assert asr.digest.startswith("sha256:")
    log = (changed.directory / asr.log).read_text()
    assert log == f"==> RUN cat /base /model\n{family.mark}\ntwo\n"


def test_images_land_in_the_engine_tagged_runnable_and_as_zstd(family: Family, docker: tuple[str, ...]) -> None:
    family.add("asr", "RUN echo MARK > /mark", tag=True)
    result = build(family.request("asr"))
    reference = f"bakegen-test-asr:{family.mark}"
    run = subprocess.run(
        [*docker, "run", "--rm", reference, "cat", "/mark"], check=True, capture_output=True, text=True
    )
    assert run.stdout == f"{family.mark}\n"
    override = result.directory / "override.json"
    stored_as_zstd = "zstd" in override.read_text() if override.exists() else False
    if stored_as_zstd:
        assert layer_types(docker, reference)[-1].endswith("+zstd")


def exported(result: BuildResult) -> list[set[str]]:
    """Return the images that each bake of a run handed over, in their order."""
    found: list[set[str]] = []
    for line in (result.directory / "events.ndjson").read_bytes().splitlines():
        if line.startswith(b'{"bakegen"'):
            found.append(set())
            solved = json.loads(line)["bakegen"]["solved"]
        else:
            names = [event.name for event in parse_line(line) if isinstance(event, Vertex)]
            titles = [parse_name(name, solved[0] if len(solved) == 1 else "") for name in names]
            found[-1] |= {title.target for title in titles if title.exports}
    return found


def three(family: Family) -> None:
    """Write a base that takes a file and two images on it."""
    family.add("base", "COPY model /model", "RUN cat /model; echo MARK > /base", tag=True)
    family.add("asr", "RUN echo asr-MARK", parent="base", tag=True)
    family.add("web", "RUN echo web-MARK", parent="base", tag=True)
    (family.root / "base" / "model").write_text("one")


def stamps(family: Family, *, whole: bool, **texts: str) -> dict[str, Stamp]:
    """Return stamps with these texts."""
    return {
        name: Stamp(text, (f"docker.io/library/bakegen-test-{name}:{family.mark}",), whole)
        for name, text in texts.items()
    }


def test_only_what_is_new_and_shared_is_exported_ahead(family: Family) -> None:
    three(family)

    def bakes(**texts: str) -> list[set[str]]:
        asked = family.request("base", "asr", "web", stamps=stamps(family, whole=False, **texts))
        return exported(build(asked))

    assert bakes(base="1", asr="1", web="1") == [{"base"}, {"asr", "web"}]
    assert bakes(base="1", asr="2", web="1") == [{"base", "asr", "web"}]
    assert bakes(base="1", asr="2", web="1") == [{"base", "asr", "web"}], "a run without news forgets nothing"
    assert bakes(base="2", asr="3", web="2") == [{"base"}, {"asr", "web"}]


def test_what_the_engine_has_already_is_not_exported_again(family: Family, docker: tuple[str, ...]) -> None:
    three(family)

    def run(words: str) -> str:
        return subprocess.run([*docker, *words.split()], check=True, capture_output=True, text=True).stdout

    def bakes(output: Any = "default", **texts: str) -> list[set[str]]:  # noqa: ANN401 - Output's words
        same = {"base": "1", "asr": "1", "web": "1"} | texts
        asked = family.request("base", "asr", "web", stamps=stamps(family, whole=True, **same), output=output)
        results.append(build(asked))
        return exported(results[-1])

    results: list[BuildResult] = []
    assert bakes() == [{"base"}, {"asr", "web"}]
    assert bakes() == [set()]
    assert [image.digest for image in results[0].images] == [image.digest for image in results[1].images]
    assert brief(results[1])["web"] == ("cached", 1, 1)
    assert bakes(output="none") == [set()]
    assert bakes(web="2") == [{"web"}], "what was built only has not forgotten what was exported"
    assert bakes(web="2") == [set()]
    run(f"image rm --force bakegen-test-asr:{family.mark}")
    assert bakes(web="2") == [{"asr"}], "its tag was gone"
    run(f"tag bakegen-test-asr:{family.mark} bakegen-test-base:{family.mark}")
    assert bakes(web="2") == [{"base"}], "its tag was another image's"
    (family.root / "base" / "model").write_text("another")
    assert bakes(web="2") == [set(), {"base"}, {"asr", "web"}], "steps that ran after all, as after garbage collection"
    assert run(f"run --rm bakegen-test-web:{family.mark} cat /model") == "another"
    assert bakes(web="2") == [set()]


def test_a_base_that_moved_is_exported_although_no_step_ran(family: Family, docker: tuple[str, ...]) -> None:
    base, tag = f"bakegen-test-moved:{family.mark}", f"bakegen-test-asr:{family.mark}"

    def move(label: str) -> None:
        text = f"FROM {family.base}\nLABEL moved={label}\n"
        subprocess.run([*docker, "build", "--quiet", "--tag", base, "-"], input=text.encode(), check=True)

    def build_one() -> list[set[str]]:
        return exported(build(family.request("asr", stamps=stamps(family, whole=True, asr="1"))))

    family.base, start = base, family.base
    family.add("asr", "RUN echo asr-MARK", tag=True)
    family.base = start
    move("no")
    assert (build_one(), build_one()) == ([{"asr"}], [set()])
    move("yes")
    assert build_one() == [set(), {"asr"}]
    shown = [*docker, "image", "inspect", "--format", "{{.Config.Labels.moved}}", tag]
    assert subprocess.run(shown, check=True, capture_output=True, text=True).stdout == "yes\n"
    move("no")
    assert build_one() == [set(), {"asr"}], "back to what was before the last"
    subprocess.run([*docker, "image", "rm", "--force", base], check=False, capture_output=True)


def test_outputs(family: Family, docker: tuple[str, ...]) -> None:
    family.add("none", "RUN echo none-MARK", tag=True)
    family.add("load", "RUN echo load-MARK", tag=True)
    assert build(family.request("none", output="none")).images[0].status == "built"
    build(family.request("load", output="load"))
    listed = subprocess.run(
        [*docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], check=True, capture_output=True, text=True
    )
    names = listed.stdout.split()
    assert f"bakegen-test-load:{family.mark}" in names
    assert f"bakegen-test-none:{family.mark}" not in names


def test_push(family: Family, engine: lab.Engine) -> None:
    if not engine.registry:
        pytest.skip("needs a registry")
    family.add("asr", "RUN echo push-MARK", tags=[f"{engine.registry}/bakegen-test/asr:{family.mark}"])
    result = build(family.request("asr", output="push"))
    assert result.images[0].status == "built"
    assert result.images[0].digest.startswith("sha256:")


def test_args_and_contexts_for_one_build(family: Family) -> None:
    family.add("base", "RUN echo base-MARK > /base")
    family.add("asr", "ARG FRESH=", "RUN cat /base; echo FRESH is '${x}' $FRESH", parent="base")
    first = build(family.request("asr"))
    assert brief(first)["asr"] == ("built", 0, 1)
    second = build(family.request("asr", args={"asr": {"FRESH": "${x} %{y}"}}))
    assert brief(second) == {"base": ("cached", 1, 1), "asr": ("built", 0, 1)}
    assert (second.directory / "logs" / "asr.log").read_text().endswith("FRESH is ${x} ${x} %{y}\n")


def test_a_name_in_the_history_changes_no_cache_key(family: Family) -> None:
    family.add("asr", "RUN echo MARK")
    build(family.request("asr"))
    named = build(family.request("asr", args={"asr": {"BUILDKIT_BUILD_NAME": "asr"}}))
    assert brief(named) == {"asr": ("cached", 1, 1)}


def test_failure_shows_the_step_and_its_last_words(family: Family) -> None:
    family.add("base", "RUN echo base-MARK")
    family.add(
        "broken", "RUN echo MARK; seq 1 30; printf 'no such package: torhc' >&2; exit 7", "RUN true", parent="base"
    )
    family.add("slow", "RUN echo MARK; sleep 60", parent="base")
    family.add("after", "RUN echo after", parent="broken")
    begin = time.monotonic()
    with pytest.raises(BuildFailed) as caught:
        build(family.request("broken", "slow", "after"))
    assert time.monotonic() - begin < 15
    (problem,) = caught.value.problems
    assert str(problem.where) == "broken/Dockerfile:2"
    assert problem.what.startswith("broken did not build: RUN echo")
    assert problem.what.endswith("exit code: 7")
    lines = [line.removeprefix("      | ") for line in problem.why.splitlines()[1:]]
    assert lines == [*(str(number) for number in range(12, 31)), "no such package: torhc"]
    (record,) = family.root.glob(".bakegen/runs/*/result.json")
    told = {image["name"]: image["status"] for image in json.loads(record.read_text())["images"]}
    assert told == {"base": "built", "broken": "failed", "slow": "cancelled", "after": "cancelled"}
    log = record.parent / "logs" / "broken.log"
    assert log.read_text().splitlines()[2:4] == ["1", "2"]


def test_defects_that_no_step_reports(family: Family) -> None:
    family.add("asr", "RUM echo")
    with pytest.raises(BuildFailed) as caught:
        build(family.request("asr"))
    assert str(caught.value).startswith("asr/Dockerfile:2: asr did not build: dockerfile parse error on line 2")
    family.add("web", "RUN true")
    (family.root / "web" / "Dockerfile").unlink()
    with pytest.raises(BuildFailed, match=r"web did not build: .*no such file or directory"):
        build(family.request("web"))


def test_a_base_that_is_not_there(family: Family, engine: lab.Engine) -> None:
    family.base = f"{engine.registry or 'docker.io'}/bakegen-test/nowhere:1"
    family.add("asr", "RUN true")
    family.add("web", "RUN true")
    with pytest.raises(BuildFailed) as caught:
        build(family.request("asr", "web"))
    assert caught.value.problems[0].what.startswith("asr and web did not build: ") or "did not build" in str(
        caught.value
    )
    assert "nowhere" in str(caught.value)
    assert caught.value.problems[0].next


def test_no_such_builder(family: Family) -> None:
    family.add("asr", "RUN true")
    with pytest.raises(EngineError, match="there is no builder named bakegen-nope"):
        build(family.request("asr", builder="bakegen-nope"))


def test_what_the_caller_does_not_know_is_read_from_the_bake_file(family: Family, docker: tuple[str, ...]) -> None:
    family.add("base", "RUN echo base-MARK")
    family.add("asr", "RUN echo MARK", parent="base")
    printed = bake_print((BAKE,), ("asr",), family.root, docker)
    assert set(printed["target"]) == {"base", "asr"}
    result = build(replace(family.request("asr"), definition=None))
    assert brief(result) == {"base": ("built", 0, 1), "asr": ("built", 0, 1)}


STOPPED = """\
import sys
from pathlib import Path
from bakegen.build import BuildRequest, build
from bakegen.cli.progress import display
from bakegen.errors import BakegenError
try:
    build(BuildRequest(("slow", "quick"), Path(sys.argv[1]), (Path("docker-bake.json"),)), display=display())
except BakegenError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_engine(family: Family, docker: tuple[str, ...], engine: lab.Engine, number: int) -> None:
    assert docker
    seconds = str(3000 + time.time_ns() % 1_000_000)
    family.add("slow", f"RUN echo MARK; sleep {seconds}")
    family.add("quick", "RUN echo quick-MARK", tag=True)
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(family.root)], stderr=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        _wait_for(
            lambda: any(b'"data"' in path.read_bytes() for path in family.root.glob(".bakegen/runs/*/events.ndjson"))
        )
        _wait_for(lambda: not engine.private or _runs(seconds))
        begin = time.monotonic()
        os.killpg(process.pid, number)
        _, told = process.communicate(timeout=20)
        took = time.monotonic() - begin
    assert process.returncode == 130
    assert took < 2
    assert not (engine.private and _runs(seconds))
    assert "the engine has cancelled the build" in told
    (record,) = family.root.glob(".bakegen/runs/*/result.json")
    result = json.loads(record.read_text())
    assert result["status"] == "cancelled"
    assert {image["name"]: image["status"] for image in result["images"]}["slow"] == "cancelled"
    lines = (record.parent / "events.ndjson").read_bytes().splitlines()
    vertexes = [
        event
        for line in lines
        if not isinstance(found := parse_line(line), str)
        for event in found
        if isinstance(event, Vertex)
    ]
    assert any(vertex.cancelled and "sleep" in vertex.name for vertex in vertexes)


def test_160_targets_build(family: Family) -> None:
    family.base = "scratch"
    for number in range(160):
        family.add(f"i{number}", f"COPY Dockerfile /{number}-MARK")
    result = build(family.request(*family.targets, output="none"))
    assert result.outcome == "built"
    assert {image.status for image in result.images} == {"built"}
    assert len(list(result.directory.glob("metadata-*.json"))) == 4


def _wait_for(condition: Any) -> None:  # noqa: ANN401 - a callable without arguments
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(word: str) -> bool:
    """Return whether a process of the machine, a step of a build among them, has this word in its command line."""
    mine: Mapping[str, bytes] = {path.parent.name: _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    return any(line == b"sleep\0" + word.encode() + b"\0" for line in mine.values())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
