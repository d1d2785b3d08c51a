"""What a build sets beyond the bake files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakegen.build.model import BuildRequest
from bakegen.build.settings import exporting, outputs_of, settings_file
from bakegen.engine.info import Builder

CONTAINERD = Builder("default", "docker", snapshotter="overlayfs")
GRAPH = Builder("default", "docker")
CONTAINER = Builder("ci", "docker-container")
REQUEST = BuildRequest(("a", "b"), Path(), (Path("docker-bake.hcl"),))
OWN: dict[str, dict[str, Any]] = {"a": {}, "b": {"output": [{"type": "local", "dest": "x"}]}}


@pytest.mark.parametrize(
    ("output", "builder", "expected"),
    [
        ("default", CONTAINERD, {"a": ("type=image,compression=zstd",)}),
        ("load", CONTAINERD, {"a": ("type=docker,compression=zstd",)}),
        ("push", CONTAINERD, {}),
        ("default", GRAPH, {}),
        ("load", GRAPH, {}),
        ("default", CONTAINER, {}),
        ("none", CONTAINERD, {"a": ("type=cacheonly",), "b": ("type=cacheonly",)}),
        ("none", CONTAINER, {"a": ("type=cacheonly",), "b": ("type=cacheonly",)}),
    ],
)
def test_outputs(output: Any, builder: Builder, expected: dict[str, tuple[str, ...]]) -> None:  # noqa: ANN401
    assert outputs_of(replace(REQUEST, output=output), OWN, builder) == expected


def test_the_bake_files_compression_can_be_kept() -> None:
    assert outputs_of(replace(REQUEST, compression="keep"), OWN, CONTAINERD) == {}


def test_settings_file() -> None:
    assert settings_file(REQUEST, OWN, GRAPH) == ""
    text = settings_file(replace(REQUEST, args={"b": {"X": "1"}}, contexts={"b": {"p": "target:a"}}), OWN, CONTAINERD)
    assert json.loads(text) == {
        "target": {
            "a": {"output": ["type=image,compression=zstd"]},
            "b": {"args": {"X": "1"}, "contexts": {"p": "target:a"}},
        }
    }


@pytest.mark.parametrize(
    ("output", "builder", "expected"),
    [
        ("default", GRAPH, {"a", "b"}),
        ("default", CONTAINER, {"b"}),
        ("push", CONTAINER, {"a", "b"}),
        ("load", CONTAINER, {"a", "b"}),
        ("none", GRAPH, set()),
    ],
)
def test_exporting(output: Any, builder: Builder, expected: set[str]) -> None:  # noqa: ANN401 - Output's words
    assert exporting(replace(REQUEST, output=output), OWN, builder) == expected


def test_a_target_that_only_fills_the_cache() -> None:
    definition = {"a": {"output": [{"type": "cacheonly"}]}}
    assert exporting(replace(REQUEST, targets=("a",)), definition, GRAPH) == frozenset()
