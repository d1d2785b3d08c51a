"""A bench on a real engine: the sides hold the same, nothing is fetched twice, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import lab, package_index
from tests.support import bakegen, write_project
from tests.test_zero_downloads import Index

pytestmark = pytest.mark.engine

BASIS = """\
FROM python:3.11-slim
RUN echo 'Acquire::http::Proxy "{url}";' > /etc/apt/apt.conf.d/01proxy
ENV PIP_TRUSTED_HOST={host}
"""

MANIFEST = """\
version: 1
family: bench
bases: {{python: python:3.11-slim}}
defaults: {{installer: uv, python: "3.11"}}
indexes: {{pypi: "{url}/simple"}}
images:
  bench-basis: {{from: python, dockerfile: basis/Dockerfile, python: "3.11"}}
  bench-parent: {{from: bench-basis, apt: [tree], pip: parent.txt}}
  bench-child: {{from: bench-parent, pip: child.txt, copy: main.py, entrypoint: [python, main.py]}}
"""
FILES = {"parent.txt": "alpha\n", "child.txt": "beta\n", "main.py": "print('hello')\n"}
IMAGES = ("bench-parent", "bench-child")

#: A baseline that builds nothing: it writes down what the images of the other sides hold, while all of them are there.
LOOK = """\
set -eu
[ "$BENCH_SCENARIO $BENCH_ROUND" = "unchanged 1" ] || exit 0
id=${{BENCH_PREFIX%%/*}}
for image in bench-parent bench-child; do
  for ref in plain/$image:bench phase1/$image:bench bakegen/$image:latest; do
    {docker} run --rm --entrypoint sh "$id/$ref" -c '
      python -c "import importlib.metadata as m; print(sorted({{d.name: d.version for d in m.distributions()}}.items()))"
      dpkg-query --show | sort
      cd /opt/venv/lib/python3.11/site-packages && sha256sum alpha/* beta/* 2>/dev/null | grep -v pycache
      sha256sum /main.py /app/main.py 2>/dev/null; true' > "{out}/$image.${{ref%%/*}}"
  done
done
"""
OURS_ALONE = {"pip", "setuptools", "wheel"}  # what `python -m venv` puts beside the packages, and `uv venv` does not


@pytest.fixture(scope="module")
def index(engine: lab.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Start an index with three small wheels, and stop it afterwards."""
    directory = tmp_path_factory.mktemp("wheels")
    for name in ("alpha", "beta", "gamma"):
        file, data = package_index.wheel(name, "1.0")
        (directory / file).write_bytes(data)
    directory.chmod(0o755)
    image = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    found = Index(str(engine.docker), {**os.environ, **engine.env}, directory, image)
    yield found
    found.stop()


@pytest.fixture
def root(tmp_path: Path, index: Index) -> Path:
    """Write the family and return where."""
    files = {**FILES, "basis/Dockerfile": BASIS.format(url=index.url, host=index.host)}
    return write_project(tmp_path / "project", MANIFEST.format(url=index.url), files)


@pytest.fixture
def env(docker_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment of a bench whose copies are in a directory of the test's own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {**docker_env, "TMPDIR": str(scratch)}


def words(engine: lab.Engine, *more: str) -> list[str]:
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    return ["bench", "bench-child", "bench-parent", f"--base=python={base}", "--package=gamma==1.0", *more]


def nothing_left(engine: lab.Engine, env: dict[str, str], known: set[str], root: Path) -> None:
    """Assert that the bench that has just ended left no image, cache record, copy or changed file."""
    assert benches(engine, env) <= known
    assert list(Path(env["TMPDIR"]).iterdir()) == []
    assert {path.name for path in root.iterdir()} == {"bakegen.yaml", "basis", *FILES}
    assert all((root / name).read_text() == text for name, text in FILES.items())


def benches(engine: lab.Engine, env: dict[str, str]) -> set[str]:
    """Return the ids of benches that the engine's images and cache show."""
    commands = (
        ["image", "ls", "--all", "--format", "{{.Repository}}"],
        ["buildx", "du", "--format", "json"],
    )
    text = ""
    for command in commands:
        text += subprocess.run(
            [str(engine.docker), *command], env=env, capture_output=True, text=True, check=True
        ).stdout
    return {word[:26] for word in text.replace("/", " ").replace('"', " ").split() if word.startswith("bakegen-bench-")}


def test_only_cold_fetches(root: Path, env: dict[str, str], engine: lab.Engine, tmp_path: Path) -> None:
    known = benches(engine, env)
    scenarios = [f"--scenario={name}" for name in ("cold", "unchanged", "light-requirement")]
    files = [f"--json={tmp_path / 'out.json'}", f"--markdown={tmp_path / 'out.md'}"]
    done = bakegen(*words(engine, "--rounds=1", *scenarios, *files), cwd=root, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["scenarios"]
    assert not [key for entry in found.values() for key in entry if key.endswith("_error")], done.stdout
    for side in ("plain", "phase1", "bakegen"):
        assert found["cold"][f"{side}_run_steps"] >= 4
        assert found["cold"][f"{side}_run_steps_cached"] == 0, "cold is cold"
        assert found["cold"][f"{side}_deb_bytes"] > 10_000
        assert all(len(entry[f"{side}_s"]) == 1 for entry in found.values())
    assert found["cold"]["bakegen_wheels"] >= 2
    for name in ("unchanged", "light-requirement"):
        assert (found[name]["bakegen_wheels"], found[name]["bakegen_wheel_bytes"]) == (0, 0)
    assert found["light-requirement"]["plain_wheels"] == 2, "without a cache, both wheels come again"
    assert "| cold | plain |" in (tmp_path / "out.md").read_text(encoding="utf-8")
    nothing_left(engine, env, known, root)


def test_the_sides_hold_the_same(root: Path, env: dict[str, str], engine: lab.Engine, tmp_path: Path) -> None:
    known = benches(engine, env)
    out = tmp_path / "held"
    out.mkdir()
    (tmp_path / "look.sh").write_text(LOOK.format(docker=engine.docker, out=out), encoding="utf-8")
    baselines = ["--baseline=plain", "--baseline=phase1", f"--baseline={tmp_path / 'look.sh'}"]
    done = bakegen(*words(engine, "--rounds=2", "--scenario=unchanged", *baselines), cwd=root, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    for image in IMAGES:
        texts = [_held(out / f"{image}.{side}") for side in ("plain", "phase1", "bakegen")]
        assert texts[0] == texts[1] == texts[2]
        assert "alpha" in texts[0][0]
    nothing_left(engine, env, known, root)


def _held(path: Path) -> list[str]:
    """Return what an image holds, line by line, the packages without those of the environment itself."""
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    packages = [item for item in first.strip("[]").split("), ") if item.split("'")[1] not in OURS_ALONE]
    return [", ".join(item.strip(")") for item in packages), *sorted(rest)]


def test_no_wheel_leaves_the_index_twice(root: Path, env: dict[str, str], engine: lab.Engine, index: Index) -> None:
    index.traffic()
    scenarios = ["--scenario=light-requirement", "--scenario=base-bump"]
    script = root.parent / "nothing.sh"
    script.write_text("exit 3\n", encoding="utf-8")
    done = bakegen(*words(engine, "--rounds=1", *scenarios, f"--baseline={script}"), cwd=root, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    each = len(package_index.wheel("alpha", "1.0")[1])
    if not any(told in done.stderr for told in ("built anew first", "measured again")):  # garbage collection
        assert index.traffic()["wheels"] <= 3 * each + 2000, "each wheel once, in the first of five builds"
    assert "failed: round 1: exit code 3" in done.stdout, "a failing baseline is told and hides nothing"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_nothing_behind(root: Path, env: dict[str, str], engine: lab.Engine) -> None:
    known = benches(engine, env)
    command = [sys.executable, "-m", "bakegen", *words(engine, "--baseline=plain", "--scenario=cold")]
    with subprocess.Popen(
        command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not list(Path(env["TMPDIR"]).glob("*/bases/*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told, problems = process.communicate(timeout=120)
    assert process.returncode == 130, problems
    assert "scenario" in told
    nothing_left(engine, env, known, root)
