"""Rows, trees and graphs of a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakegen import views
from bakegen.plan import Plan
from tests.manifests import family, plan

MANIFEST = family(
    "base: {from: b, description: all}\nleaf: {from: base}\nsecond: {from: base}\ndeep: {from: leaf}\ncuda: {from: g}\n"
    "hand: {dockerfile: D}\non-hand: {from: hand}",
    "registry: r.example/x\n",
)


@pytest.fixture
def small(tmp_path: Path) -> Plan:
    """Return a plan of a small family with a hand-written image."""
    return plan(tmp_path, MANIFEST, {"D": ""})


def test_rows(small: Plan) -> None:
    base, hand = views.rows(small, ["base", "hand"])
    assert base == {
        "image": "base",
        "target": "cpu",
        "from": "b",
        "tags": ["r.example/x/base:latest"],
        "python": "3.11",
        "dockerfile": "docker/base/Dockerfile",
        "generated": True,
        "platforms": [],
        "description": "all",
    }
    assert (hand["from"], hand["dockerfile"], hand["generated"]) == ("", "D", False)
    json.dumps([base, hand])


def test_tree(small: Plan) -> None:
    assert views.tree(small, small.select()) == (
        "(hand-written)\n"
        "└── hand\n"
        "    └── on-hand\n"
        "b  python:3.11-slim\n"
        "└── base\n"
        "    ├── leaf\n"
        "    │   └── deep\n"
        "    └── second\n"
        "g  nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04\n"
        "└── cuda"
    )
    assert views.tree(small, ["deep"]) == "b  python:3.11-slim\n└── base\n    └── leaf\n        └── deep"
    assert views.tree(small, []) == ""


def test_mermaid(small: Plan) -> None:
    text = views.mermaid(small, ["leaf", "cuda"])
    assert text.splitlines()[0] == "flowchart LR"
    assert text.count("-->") == 3
    assert '["leaf"]' in text
    assert "hand" not in text


def test_dot(small: Plan) -> None:
    text = views.dot(small, ["deep"])
    assert text.startswith("digraph family {")
    assert '  "leaf" -> "deep";' in text
    assert '  "b" -> "base";' in text
    assert text.endswith("}")


def test_graph_json(small: Plan) -> None:
    found = json.loads(views.graph_json(small, ["leaf", "hand"]))
    assert found["family"] == "f"
    assert {node["image"]: node["parent"] for node in found["images"]} == {"base": None, "leaf": "base", "hand": None}


@pytest.mark.parametrize("form", views.FORMATS)
def test_every_format_takes_a_deep_chain(tmp_path: Path, form: str) -> None:
    chain = "i0: {from: b}\n" + "\n".join(f"i{n}: {{from: i{n - 1}}}" for n in range(1, 1100))
    deep = plan(tmp_path, family(chain))
    assert "i1099" in views.FORMATS[form](deep, deep.select(["i1099"]))
