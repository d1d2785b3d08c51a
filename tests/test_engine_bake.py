"""bake's command line, and the file that carries a build's own settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakegen.engine.bake import BakeRequest, bake_argv, bake_print, field, output_types, override_file, parents
from bakegen.engine.client import docker_command
from bakegen.errors import BuildFailed

if TYPE_CHECKING:
    from tests import lab

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def test_argv() -> None:
    request = BakeRequest(("base", "asr"), (Path("docker-bake.hcl"),), Path())
    assert bake_argv(("docker",), request) == (
        *("docker", "buildx", "bake", "--progress=rawjson", "--file", "docker-bake.hcl", "--", "base", "asr"),
    )


def test_argv_with_all() -> None:
    request = BakeRequest(
        ("asr",),
        (Path("a.hcl"), Path("b.json")),
        Path(),
        builder="fast",
        output="push",
        sets=("asr.args.X=1",),
        allow=("ssh",),
        metadata_file=Path("m.json"),
    )
    assert bake_argv(("docker", "--context", "gpu"), request) == (
        *("docker", "--context", "gpu", "buildx", "bake", "--progress=rawjson", "--builder", "fast"),
        *("--file", "a.hcl", "--file", "b.json", "--allow", "ssh", "--push", "--set", "asr.args.X=1"),
        *("--metadata-file", "m.json", "--", "asr"),
    )


@pytest.mark.parametrize(("output", "flag"), [("default", False), ("none", False), ("load", True), ("push", True)])
def test_output_flags(output: Any, flag: bool) -> None:  # noqa: ANN401 - each of Output's words
    argv = bake_argv(("docker",), BakeRequest(("a",), (), Path(), output=output))
    assert (f"--{output}" in argv) is flag


def test_override_file() -> None:
    text = override_file(
        outputs={"b": ("type=cacheonly",)}, contexts={"a": {"python:3.11": "target:b"}}, args={"a": {"V": "${x} %{y}"}}
    )
    assert json.loads(text) == {
        "target": {
            "a": {"args": {"V": "$${x} %%{y}"}, "contexts": {"python:3.11": "target:b"}},
            "b": {"output": ["type=cacheonly"]},
        }
    }
    assert text.endswith("}\n")
    assert override_file() == '{\n  "target": {}\n}\n'


def test_parents() -> None:
    definition: dict[str, dict[str, Any]] = {
        "a": {"contexts": {"x": "target:b", "y": "docker-image://z", "w": "target:b"}},
        "b": {},
        "c": {"contexts": None},
    }
    assert parents(definition) == {"a": ("b",), "b": (), "c": ()}


def test_fields_of_either_form() -> None:
    assert output_types({"output": [{"type": "image", "push": "true"}]}) == ("image",)
    assert output_types({"output": ["type=local,dest=out"]}) == ("local",)
    assert output_types({}) == ()
    assert field("type=local,dest=out", "dest") == "out"
    assert field("type=local", "dest") == ""
    assert field({"dest": "out"}, "dest") == "out"


@pytest.fixture
def docker(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    return docker_command()


@pytest.mark.engine
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    args=st.dictionaries(NAMES, VALUES, min_size=1),
    contexts=st.dictionaries(NAMES, NAMES.map("target:{}".format), max_size=0),
)
def test_any_string_survives_the_real_bake(
    docker: tuple[str, ...], tmp_path: Path, args: dict[str, str], contexts: dict[str, str]
) -> None:
    (tmp_path / "docker-bake.json").write_text('{"target": {"a": {"args": {}}}}')
    (tmp_path / "more.json").write_text(override_file(args={"a": args}, contexts={"a": contexts}), encoding="utf-8")
    files = (Path("docker-bake.json"), Path("more.json"))
    printed = bake_print(files, ("a",), tmp_path, docker)["target"]["a"]["args"]
    escaped = {name: value.replace("${", "$${").replace("%{", "%%{") for name, value in args.items()}
    assert printed == escaped


@pytest.mark.engine
def test_print_resolves_and_merges(docker: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text(
        'group "all" { targets = ["a"] }\n'
        'target "a" {\n  output = ["type=local,dest=x"]\n  contexts = { one = "target:b", two = "docker-image://two" }\n}\n'
        'target "b" {}\n'
    )
    extra = override_file(
        outputs={"a": ("type=image,compression=zstd",)}, contexts={"a": {"two": "docker-image://three"}}
    )
    (tmp_path / "more.json").write_text(extra)
    printed = bake_print((Path("docker-bake.hcl"), Path("more.json")), ("all",), tmp_path, docker)
    assert printed["target"]["a"]["output"] == [{"type": "image", "compression": "zstd"}]
    assert printed["target"]["a"]["contexts"] == {"one": "target:b", "two": "docker-image://three"}
    assert parents(printed["target"]) == {"a": ("b",), "b": ()}
    assert output_types(printed["target"]["b"]) == ("cacheonly",)


@pytest.mark.engine
def test_a_defect_in_the_bake_file_is_told_in_its_own_words(docker: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text('target "a" {\n  tags = [unknown]\n}\n')
    with pytest.raises(BuildFailed, match=r"docker-bake\.hcl:2,11-18"):
        bake_print((Path("docker-bake.hcl"),), ("a",), tmp_path, docker)
    (tmp_path / "docker-bake.hcl").write_text('target "a" {}\n')
    with pytest.raises(BuildFailed, match="failed to find target b"):
        bake_print((Path("docker-bake.hcl"),), ("b",), tmp_path, docker)
