"""The JSON schema: committed as printed, and of one mind with the models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakegen import cli
from tests.manifests import family
from tests.support import ROOT

COMMITTED = ROOT / "bakegen.schema.json"
GOLDEN = sorted((ROOT / "tests/golden").glob("*/bakegen.yaml"))

SHORTHANDS = """\
a:
  from: b
  apt: git
  pip: r.txt
  run: [make, {command: make, cache: {target: /x}}]
  copy: {src: f}
  tag: x
  platforms: linux/amd64
  secrets: {id: x, env: E}
  unfreeze: x
c:
  from: a
  variants: {target: cpu, exclude: {cuda: '12.1'}, include: {python: '3.12', copy: f, run: x}}"""

UNKNOWN: list[dict[str, Any]] = [
    {"nope": 1},
    {"images": {"a": {"nope": 1}}},
    {"images": {"a": {"torch": {"version": "2", "nope": 1}}}},
    {"images": {"a": {"copy": [{"src": "x", "nope": 1}]}}},
    {"images": {"a": {"variants": {"include": [{"nope": 1}]}}}},
    {"images": {"a": {"cache": {"uv": {}}}}},
    {"bases": {"b": {"ref": "x", "nope": 1}}},
    {"groups": {"g": {"nope": 1}}},
    {"defaults": {"nope": 1}},
]
WRONG: list[dict[str, Any]] = [
    {"version": 2},
    {"images": {}},
    {"images": {"a/b": {}}},
    {"images": {"a": {"entrypoint": "x"}}},
    {"images": {"a": {"target": "gpu"}}},
    {"images": {"a": {"env": {"A": 1}}}},
    {"images": {"a": {"labels": {"": "x"}}}},
    {"tag": "é"},
]


def check(schema: Path, *instances: Path) -> subprocess.CompletedProcess[str]:
    """Run check-jsonschema, an implementation that is not pydantic's."""
    program = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent)) or shutil.which(
        "check-jsonschema"
    )
    if program is None:
        pytest.skip("check-jsonschema is not installed")
    command = [program, "--schemafile", str(schema), "--output-format", "json", *map(str, instances)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def minimal(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest manifest with something else in it."""
    return {"version": 1, "family": "f", "images": {"a": {"from": "b"}}, **extra}


def test_the_committed_schema_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema"]) == 0
    assert COMMITTED.read_text(encoding="utf-8") == capsys.readouterr().out


def test_every_object_is_closed() -> None:
    """No object takes keys that it does not name, unless its keys are the user's."""
    schema = json.loads(COMMITTED.read_text(encoding="utf-8"))
    for name, model in [("family", schema), *schema["$defs"].items()]:
        if "properties" in model:
            assert model["additionalProperties"] is False, name


@pytest.mark.process
def test_valid_manifests(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(family(SHORTHANDS, "groups: {g: [a], h: a, i: {target: cpu}}\n"))
    done = check(COMMITTED, ROOT / "bakegen.yaml", *GOLDEN, tmp_path / "short.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.process
def test_invalid_manifests(tmp_path: Path) -> None:
    """What the models refuse, the schema refuses: in one run, every file fails."""
    files = []
    for number, extra in enumerate([*UNKNOWN, *WRONG]):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump(minimal(extra), allow_unicode=True), encoding="utf-8")
    done = check(COMMITTED, *files)
    failed = {Path(error["filename"]).name for error in json.loads(done.stdout)["errors"]}
    assert failed == {path.name for path in files}
