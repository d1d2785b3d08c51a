"""A real build leaves its report, and says the essence below its summary."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import bakegen, write_project

if TYPE_CHECKING:
    from tests import lab

pytestmark = pytest.mark.engine

MANIFEST = """
version: 1
family: reported
registry: r
bases: {python: "python:3.11-slim"}
images:
  base: {from: python, run: ["echo MARK", "sleep 1"]}
  leaf: {from: base, run: ["sleep 2"]}
  side: {from: base, run: ["true"]}
  sick: {from: base, run: ["exit 3"]}
groups: {default: [leaf, side], broken: [sick]}
"""


def test_a_build_and_its_report(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    root = write_project(tmp_path, MANIFEST.replace("MARK", str(time.time_ns())))
    base = f"--base=python={engine.substitutions.get('python:3.11-slim', 'python:3.11-slim')}"
    first = bakegen("build", base, "--no-output", cwd=root, env=docker_env)
    assert first.returncode == 0, first.stderr
    below = first.stderr.partition(" images in ")[2].splitlines()
    run = Path(below[-1].removeprefix("report: ")).parent
    assert below[1].startswith("critical path base > leaf ")
    assert (root / run / "report.html").read_text().startswith("<!doctype html>")

    told = json.loads((root / run / "report.json").read_text())
    assert told == json.loads(bakegen("report", "--json", cwd=root, env=docker_env).stdout)
    result = json.loads((root / run / "result.json").read_text())
    assert told["run"]["cpus"] == result["cpus"] > 0
    assert [image["name"] for image in told["images"]] == [image["name"] for image in result["images"]]
    (slept,) = [step for step in told["steps"] if step["title"] == "RUN sleep 2"]
    assert (slept["state"], slept["critical"], slept["images"]) == ("executed", True, ["leaf"])
    assert slept["seconds"] >= 2

    assert not any(image["size"] for image in told["images"]), "nothing was exported, so there is nothing to measure"

    again = bakegen("build", base, "--no-output", cwd=root, env=docker_env)
    assert f"less than run {run.name}" in again.stderr
    assert "5 of 5 distinct steps cached" in bakegen("report", cwd=root, env=docker_env).stdout

    failed = bakegen("build", base, "broken", cwd=root, env=docker_env)
    assert failed.returncode == 6
    assert "\nreport: .bakegen/runs/" in failed.stderr
    shown = bakegen("report", cwd=root, env=docker_env).stdout
    assert ": failed, " in shown
    assert "Traceback" not in first.stderr + again.stderr + failed.stderr


SIZED = """
version: 1
family: sized
registry: bakegen-test-sized
bases: {python: "python:3.11-slim"}
images:
  base: {from: python, run: ["echo MARK && head -c 2000000 /dev/urandom > /base"]}
  leaf: {from: base, run: ["head -c 5000000 /dev/urandom > /leaf"]}
  side: {from: base, run: ["head -c 1000000 /dev/urandom > /side"]}
"""


def test_sizes_are_those_of_the_engine(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    root = write_project(tmp_path, SIZED.replace("MARK", str(time.time_ns())))
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    done = bakegen("build", f"--base=python={base}", "base", "leaf", "side", cwd=root, env=docker_env)
    tags = [f"bakegen-test-sized/{name}:latest" for name in ("base", "leaf", "side")]
    try:
        assert done.returncode == 0, done.stderr
        told = json.loads(bakegen("report", "--json", cwd=root, env=docker_env).stdout)
        sizes = {image["name"]: image["size"] for image in told["images"]}
        for name, tag in zip(sizes, tags, strict=True):
            shown = docker(engine, docker_env, "history", "--human=false", "--format={{.Size}}", tag)
            assert sizes[name]["bytes"] == sum(map(int, shown.split()))
        layers = [
            json.loads(docker(engine, docker_env, "inspect", "--format={{json .RootFS.Layers}}", t)) for t in tags
        ]
        assert all(held[:-1] == layers[0] for held in layers[1:])
        for name, written in (("leaf", 5_000_000), ("side", 1_000_000)):
            assert sizes[name]["parent"] == sizes["base"]["bytes"]
            assert written <= sizes[name]["own"] <= written + 100_000
        assert told["stored"] == sizes["base"]["bytes"] + sizes["leaf"]["own"] + sizes["side"]["own"]
        assert "\nsizes: 3 images in " in done.stderr

        again = bakegen("build", f"--base=python={base}", "base", "leaf", "side", cwd=root, env=docker_env)
        assert "\nsizes: 3 images in " in again.stderr, "what is as it was is known without a question"
        manifest = root / "bakegen.yaml"
        manifest.write_text(manifest.read_text().replace("5000000", "6000000"))
        bakegen("build", f"--base=python={base}", "base", "leaf", "side", cwd=root, env=docker_env)
        edited = json.loads(bakegen("report", "--json", cwd=root, env=docker_env).stdout)
        own = {image["name"]: image["size"]["own"] for image in edited["images"]}
        assert own == {name: size["own"] for name, size in sizes.items()} | {"leaf": own["leaf"]}
        assert 6_000_000 <= own["leaf"] <= 6_100_000
    finally:
        docker(engine, docker_env, "image", "rm", *tags)


def docker(engine: lab.Engine, env: dict[str, str], *words: str) -> str:
    """Return what docker prints."""
    return subprocess.run([str(engine.docker), *words], env=env, capture_output=True, text=True, check=True).stdout


BANNED = """
version: 1
family: banned
registry: bakegen-test-banned
bases: {python: "python:3.11-slim"}
images:
  low: {from: python, run: ["true"]}
  only:
    from: low
    run:
      - {command: "pip install --no-index MARK || true", cache: [{id: banned-MARK, target: /root/.cache/pip}]}
"""


def test_a_variable_of_the_base_reaches_the_verdict(
    tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]
) -> None:
    mark = f"x{time.time_ns()}"
    root = write_project(tmp_path / "project", BANNED.replace("MARK", mark))
    base, tag = engine.substitutions.get("python:3.11-slim", "python:3.11-slim"), f"bakegen-test-banned/base:{mark}"
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nENV PIP_NO_CACHE_DIR=1\n")
    docker(engine, docker_env, "build", "--quiet", f"--file={tmp_path / 'Dockerfile'}", f"--tag={tag}", str(root))
    try:
        for command in ("true", "false"):  # the second time, what the base sets is asked of an image that is cached
            manifest = root / "bakegen.yaml"
            manifest.write_text(manifest.read_text().replace("|| true", f"|| {command} || true"))
            done = bakegen("build", f"--base=python={tag}", "low", "only", cwd=root, env=docker_env)
            assert done.returncode == 0, done.stderr
            told = json.loads(bakegen("report", "--json", cwd=root, env=docker_env).stdout)
            (cache,) = [cache for cache in told["caches"] if cache["id"] == f"banned-{mark}"]
            assert cache["state"] == "bypassed"
            assert "PIP_NO_CACHE_DIR=1 is set by the base python:3.11-slim" in cache["reason"]
    finally:
        docker(
            engine,
            docker_env,
            "image",
            "rm",
            "--force",
            tag,
            *(f"bakegen-test-banned/{i}:latest" for i in ("low", "only")),
        )


FILLED = """
version: 1
family: filled
bases: {python: "python:3.11-slim"}
images:
  only:
    from: python
    run:
      - {command: "head -c 3000000 /dev/urandom > /kept/MARK", cache: [{id: filled, target: /kept}]}
"""


def test_a_mount_in_a_namespace_is_found_under_it(
    tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]
) -> None:
    mark = f"x{time.time_ns()}"
    root = write_project(tmp_path, FILLED.replace("MARK", mark))
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    words = ["build", f"--base=python={base}", "only", "--no-output", f"--set=only.args.BUILDKIT_CACHE_MOUNT_NS={mark}"]
    done = bakegen(*words, cwd=root, env=docker_env)
    assert done.returncode == 0, done.stderr
    (cache,) = json.loads(bakegen("report", "--json", cwd=root, env=docker_env).stdout)["caches"]
    assert cache["id"] == f"{mark}/filled"
    assert cache["before"] in {0, None}, "None where the engine did not answer in time"
    assert cache["after"] >= 3_000_000
