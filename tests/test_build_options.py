"""The words of ``bakegen build`` and the request they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakegen.build.model import BuildRequest
from bakegen.build.options import Options, request
from bakegen.errors import UsageError
from bakegen.project import load
from tests.support import write_project

PINNED = "python:3.11-slim@sha256:" + "a" * 64
MANIFEST = f"""\
version: 1
family: options
registry: example.org/x
bases: {{python: "{PINNED}"}}
images:
  parent: {{from: python, pip: r.txt}}
  child: {{from: parent, copy: c.txt}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path, MANIFEST, {"r.txt": "six\n", "c.txt": ""})


def ask(root: Path, *names: str, **words: object) -> BuildRequest:
    plan = load(root / "bakegen.yaml").plan()
    return request(plan, names, root, Options(**words), epoch="7")  # type: ignore[arg-type]  # the fields of Options


def test_a_base_is_replaced_where_it_is_named_and_nowhere_else(root: Path) -> None:
    asked = ask(root, "child", bases=("python=mirror:5000/python:3.11",))
    assert asked.contexts == {"parent": {PINNED: "docker-image://mirror:5000/python:3.11"}}


def test_a_parent_comes_from_the_registry_under_the_tag_of_the_environment(root: Path) -> None:
    asked = ask(root, "child", parents="registry", tag="c0ffee", registry="other.org/y")
    assert asked.contexts == {"child": {"example.org/x/parent": "docker-image://other.org/y/parent:c0ffee"}}
    assert set(asked.definition or {}) == {"child"}
    plain = ask(root, "child", parents="registry")
    assert plain.contexts["child"] == {"example.org/x/parent": "docker-image://example.org/x/parent:latest"}
    bare = ask(root, "child", parents="registry", registry="")
    assert bare.contexts["child"] == {"example.org/x/parent": "docker-image://parent:latest"}


def test_only_images_with_steps_run_again(root: Path) -> None:
    assert ask(root, "child", fresh=("*",)).args == {"parent": {"FRESH": "7"}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"bases": ("pyton=x",)}, "no base 'pyton'"),
        ({"bases": ("python",)}, "no reference"),
        ({"bases": ("python=UPPER",)}, "not an image reference"),
        ({"fresh": ("chld",)}, "did you mean child"),
        ({"sets": ("child.network=host",)}, "ignores it"),
        ({"sets": ("nonsense",)}, "TARGET.KEY=VALUE"),
    ],
)
def test_words_that_mean_nothing(root: Path, words: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(root, "child", **words)


def test_arguments_need_no_question_to_buildx(root: Path) -> None:
    asked = ask(root, "child", sets=("*.args.A=1=2", "par*.args.B=", "other.args.C=3"))
    assert {name: target["args"] for name, target in (asked.definition or {}).items()} == {
        "parent": {"A": "1=2", "B": ""},
        "child": {"A": "1=2"},
    }
    assert ask(root, "child", sets=("*.args.A=1", "child.tags=x")).definition is None, "buildx knows best"
