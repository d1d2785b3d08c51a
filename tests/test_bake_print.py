"""The bake file as buildx itself reads it: any text in any field comes back the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakegen.family import Family
from bakegen.files import DiskTree
from bakegen.project import load
from bakegen.render import BAKE_FILE, rendered
from bakegen.resolve import resolve
from tests.lab.layout import Layout
from tests.support import ROOT

pytestmark = pytest.mark.buildx

#: What HCL, JSON, YAML, shells or terminals take for something else.
AWKWARD = [
    "", "$", "${", "$${", "$$${", "${x}", "${TAG}", "%", "%{", "%%{", "%{ if true }", "}", '"', '\\"', "\\", "\\\\", "\\n", "\\b", "\\f", "\\\\b", "\n", "\r\n",
    "\t", " ", "  x  ", "'", "`", "#", "//", "/*", "*/", "<<EOF", "\nEOF\n", "<<-EOF", "EOF", "\\u0041", "\\U0001F600", "\\x41",
    "\u2028", "\u2029", "\x85", "\xa0", "\ufeff", "\u200b", "\u202e", "😀", "👩‍👩‍👧", "e\u0301", "é", "中文", "\x01", "\x08", "\x0b", "\x0c",
    "\x1b[31m", "\x7f", "\x80", "\x9f", "\ue000", "\ufffd", "\uffff", "\U0010ffff", "true", "null", "~", "1", "0x1", "[]", "{}", "=", ",", ";",
    "a=b", "$(id)", "$x", "{{ x }}", "{% x %}", "{#", "*", "?", "&", "|", ">", "--", "@", "!", "☃" * 50,
]  # fmt: skip
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]), max_size=12)
TEXT = ANY_TEXT | st.lists(st.sampled_from(AWKWARD) | ANY_TEXT, max_size=5).map("".join)


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Return the environment of a docker client with buildx: the machine's, or the lab's; no engine is needed."""
    layout = Layout.from_environment()
    unpacked = {
        "PATH": f"{layout.client_bin}{os.pathsep}{os.environ['PATH']}",
        "DOCKER_CONFIG": str(layout.docker_config),
    }
    for extra in ({}, unpacked):
        env = {**os.environ, **extra}
        docker = shutil.which("docker", path=env["PATH"])
        if (
            docker
            and subprocess.run([docker, "buildx", "version"], env=env, capture_output=True, check=False).returncode == 0
        ):
            return env
    found: Mapping[str, str] = request.getfixturevalue("docker_env")
    return found


def bake(directory: Path, env: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """Return what ``docker buildx bake --print`` resolves the bake file in ``directory`` to."""
    docker = shutil.which("docker", path=env["PATH"])
    assert docker
    command = [docker, "buildx", "bake", "-f", BAKE_FILE, "--print", *arguments]
    done = subprocess.run(
        command, cwd=directory, env=dict(env), capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    resolved: dict[str, Any] = json.loads(done.stdout)
    return resolved


def write_bake_file(directory: Path, data: Mapping[str, Any]) -> None:
    """Render the bake file of a family given as plain values."""
    plan, faults = resolve(Family.model_validate({"version": 1, "family": "f", **data}), DiskTree(directory))
    assert plan is not None, faults
    (directory / BAKE_FILE).write_text(rendered(plan)[BAKE_FILE], encoding="utf-8", newline="\n")


def images_of(texts: list[str]) -> dict[str, Any]:
    """Return one image for each text, which stands in every field of it that takes any text."""
    return {
        f"i{index}": {
            "from": "b",
            "description": text,
            "labels": {text or "empty": text, "org.example.twice": text + text},
            "args": {"A": text, "B": f"x{text}y"},
        }
        for index, text in enumerate(texts)
    }


def printed(text: str) -> str:
    """Return ``text`` as ``--print`` shows it where it is a value: escaped, so that its output is a bake file again.

    HCL holds every string in the form NFC.
    Target.MarshalJSON in https://github.com/docker/buildx/blob/master/bake/bake.go
    """
    return unicodedata.normalize("NFC", text).replace("${", "$${").replace("%{", "%%{")


def assert_same(targets: Mapping[str, Any], texts: list[str]) -> None:
    """Assert that every text came back as it was given."""
    for index, text in enumerate(texts):
        target = targets[f"i{index}"]
        assert target.get("description", "") == unicodedata.normalize("NFC", text)
        labels = {text or "empty": text, "org.example.twice": text + text}
        assert target["labels"] == {unicodedata.normalize("NFC", key): printed(value) for key, value in labels.items()}
        assert target["args"] == {"A": printed(text), "B": printed(f"x{text}y")}


def test_awkward_texts(tmp_path: Path, client: Mapping[str, str]) -> None:
    texts = [*AWKWARD, *(a + b for a, b in zip(AWKWARD, reversed(AWKWARD), strict=True))]
    write_bake_file(tmp_path, {"bases": {"b": "python:3.11"}, "images": images_of(texts)})
    assert_same(bake(tmp_path, client)["target"], texts)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(TEXT, min_size=30, max_size=60))
def test_any_text(tmp_path: Path, client: Mapping[str, str], texts: list[str]) -> None:
    write_bake_file(tmp_path, {"bases": {"b": "python:3.11"}, "images": images_of(texts)})
    assert_same(bake(tmp_path, client)["target"], texts)


def test_secrets(tmp_path: Path, client: Mapping[str, str]) -> None:
    """The file of a secret must exist to be printed; its name may hold anything."""
    names = [
        n
        for n in dict.fromkeys(text.replace("/", "") for text in AWKWARD)
        if n.strip() and unicodedata.is_normalized("NFC", n)
    ]
    for name in names:
        (tmp_path / f"s{name}").touch()
    images = {f"i{n}": {"from": "b", "secrets": [{"id": "x", "src": f"s{name}"}]} for n, name in enumerate(names)}
    images["env"] = {"from": "b", "secrets": [{"id": "a.b-c_d", "env": "HOME", "as_env": "H"}]}
    write_bake_file(tmp_path, {"bases": {"b": "python:3.11"}, "images": images})
    targets = bake(tmp_path, client)["target"]
    assert [targets[f"i{n}"]["secret"] for n in range(len(names))] == [
        [{"id": "x", "src": f"s{name}"}] for name in names
    ]
    assert targets["env"]["secret"] == [{"id": "a.b-c_d", "env": "HOME"}]


def test_paths_of_hand_written_images(tmp_path: Path, client: Mapping[str, str]) -> None:
    """Directories may be called almost anything; bake gets them as they are."""
    names = ["${x}", "%{y}", 'a"b', "ü é", "$HOME", "x#y", "a'b", "a\u2028b"]
    images = {}
    for n, name in enumerate(names):
        (tmp_path / name).mkdir()
        (tmp_path / name / "D").write_text("FROM scratch\n", encoding="utf-8")
        images[f"i{n}"] = {"dockerfile": f"{name}/D", "context": name}
    write_bake_file(tmp_path, {"images": images})
    targets = bake(tmp_path, client)["target"]
    assert [(targets[f"i{n}"]["context"], targets[f"i{n}"]["dockerfile"]) for n in range(len(names))] == [
        (name, "D") for name in names
    ]


def test_tags_follow_registry_and_tag(tmp_path: Path, client: Mapping[str, str]) -> None:
    write_bake_file(
        tmp_path,
        {
            "registry": "localhost:5000/x",
            "tag": "v1",
            "bases": {"b": "python:3.11"},
            "images": {
                "a": {"from": "b", "tag": ["y/z", "y/z:fixed"]},
                "c": {"from": "a", "platforms": ["linux/amd64"]},
            },
        },
    )
    shown = bake(tmp_path, client)
    assert shown["target"]["a"]["tags"] == ["localhost:5000/x/y/z:v1", "localhost:5000/x/y/z:fixed"]
    assert shown["target"]["c"]["contexts"] == {"localhost:5000/x/y/z:v1": "target:a"}
    assert shown["target"]["c"]["platforms"] == ["linux/amd64"]
    assert set(shown["group"]["default"]["targets"]) == {"a", "c"}
    other = bake(tmp_path, {**client, "TAG": "v2", "REGISTRY": ""})
    assert other["target"]["a"]["tags"] == ["y/z:v2", "y/z:fixed"]


def test_the_reference_family(client: Mapping[str, str]) -> None:
    """The committed bake file is 15 images, built from each other as the plan says."""
    plan = load(ROOT / "bakegen.yaml").plan()
    shown = bake(ROOT, client)
    assert len(shown["target"]) == 15
    assert set(shown["target"]) == {image.name for image in plan.images}
    for image in plan.images:
        target = shown["target"][image.name]
        assert target["dockerfile"] == image.dockerfile
        assert target["tags"] == [plan.reference(image)]
        assert [*target.get("contexts", {}).values()] == ([f"target:{image.parent}"] if image.parent else [])
    for name, members in plan.groups:
        assert set(bake(ROOT, client, name)["group"]["default"]["targets"]) in ({name}, set(members))


def test_a_thousand_images(tmp_path: Path, client: Mapping[str, str]) -> None:
    write_bake_file(tmp_path, {"bases": {"b": "python:3.11"}, "images": {f"i{n}": {"from": "b"} for n in range(1000)}})
    assert len(bake(tmp_path, client)["target"]) == 1000
