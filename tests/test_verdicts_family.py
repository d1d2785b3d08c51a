"""What the steps of a planned family see: variables that an image inherits from a hand-written parent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakegen.files import DiskTree
from bakegen.project import load
from bakegen.verdicts.environment import place, set_by
from bakegen.verdicts.family import family_environments
from tests.support import write_project

MANIFEST = """
version: 1
family: f
registry: example.com/f
bases: {python: "python:3.11-slim"}
images:
  base: {from: python, dockerfile: base.Dockerfile}
  app: {from: base, dockerfile: app.Dockerfile, args: {QUIET: "1"}}
  made: {from: base, run: "pip install x", env: {UV_NO_CACHE: "1"}}
"""


@pytest.mark.parametrize("name", ["base", "example.com/f/base:latest", "example.com/f/base"])
def test_what_is_inherited(tmp_path: Path, name: str) -> None:
    files = {
        "base.Dockerfile": "FROM python:3.11-slim\nENV PIP_NO_CACHE_DIR=1\n",
        "app.Dockerfile": f"FROM {name}\nARG QUIET\nRUN pip install x\n",
    }
    project = load(write_project(tmp_path, MANIFEST, files))
    project.write()
    found = family_environments(project.plan(), DiskTree(tmp_path))
    step = found[place("app", "", 1)] if place("app", "", 1) in found else found["app"]
    assert step["PIP_NO_CACHE_DIR"] == "1"
    assert step[set_by("PIP_NO_CACHE_DIR")] == "ENV in base.Dockerfile:2"
    assert found["made"]["PIP_NO_CACHE_DIR"] == "1"
    assert found["made"]["UV_NO_CACHE"] == "1"


GENERATED = """
version: 1
family: f
bases: {python: "python:3.11-slim", cuda: "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04"}
defaults: {installer: pip, python: "3.11"}
images:
  base: {from: python, run: "true", env: {UV_NO_CACHE: "1"}}
  app: {from: base, run: "pip install x"}
  other: {from: cuda, run: "pip install y"}
"""


def test_what_a_base_sets_is_told_by_an_image_that_was_built_on_it(tmp_path: Path) -> None:
    project = load(write_project(tmp_path, GENERATED, {}))
    project.write()
    built = {"app": {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}, "gone": {"HOME": "/h"}}
    found = family_environments(project.plan(), DiskTree(tmp_path), built)
    for name in ("base", "app"):
        assert found[name]["PIP_NO_CACHE_DIR"] == "1"
        assert found[name][set_by("PIP_NO_CACHE_DIR")] == "the base python:3.11-slim"
        assert found[name][set_by("UV_NO_CACHE")].startswith("ENV in docker/base/Dockerfile:")
    assert "PIP_NO_CACHE_DIR" not in found["other"], "it stands on another base"


def test_a_hand_written_image_may_stand_on_several(tmp_path: Path) -> None:
    files = {"base.Dockerfile": "FROM python:3.11-slim AS a\nFROM alpine\n", "app.Dockerfile": "FROM base\nRUN x\n"}
    project = load(write_project(tmp_path, MANIFEST, files))
    project.write()
    assert "HOME" not in family_environments(project.plan(), DiskTree(tmp_path), {"base": {"HOME": "/h"}})["base"]
