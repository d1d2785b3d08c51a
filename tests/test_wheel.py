"""An installed wheel renders what a checkout renders: the templates are inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bakegen.project import load
from tests.support import ROOT, write_project

MANIFEST = """\
version: 1
family: wheel
bases: {python: python:3.11-slim}
images: {app: {from: python, apt: [git], pip: requirements.txt, env: {A: b}, run: make}}
"""


@pytest.mark.process
def test_the_wheel_carries_the_templates(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("bakegen-*.whl"))) as wheel:
        wheel.extractall(site)
    project = write_project(tmp_path / "project", MANIFEST, {"requirements.txt": "six\n"})
    code = "import bakegen, json, sys; print(bakegen.__file__); print(json.dumps(bakegen.load(sys.argv[1]).render()))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(project / "bakegen.yaml")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    home, text = done.stdout.splitlines()
    assert Path(home).is_relative_to(site)
    assert json.loads(text) == load(project / "bakegen.yaml").render()
