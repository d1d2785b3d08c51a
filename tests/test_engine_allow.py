"""What a bake may reach for without being asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakegen.engine.allow import check_access, missing_grants
from bakegen.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("project/docker", "shared", "far/away"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "project"


def missing(target: dict[str, Any], project: Path, *granted: str, **env: str) -> tuple[str, ...]:
    return missing_grants({"a": target}, project, granted, env)


def test_inside_the_project_nothing_is_asked(project: Path) -> None:
    target = {
        "context": ".",
        "dockerfile": "docker/Dockerfile",
        "contexts": {"src": "./docker", "p": "target:b", "q": "docker-image://q", "u": "https://example.com/x.git"},
        "secret": [{"id": "env", "env": "TOKEN"}, {"id": "file", "src": "token"}],
        "cache-to": [{"type": "local", "dest": "cache"}, {"type": "registry", "ref": "example.com/x"}],
        "output": [{"type": "image"}],
        "ssh": [{"id": "key", "paths": ["id_rsa"]}],
    }
    assert missing(target, project) == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"context": "../shared"}, ("fs.read=../shared", "fs.read=../shared/Dockerfile")),
        ({"dockerfile": "../shared/Dockerfile"}, ("fs.read=../shared/Dockerfile",)),
        ({"contexts": {"x": "../shared"}}, ("fs.read=../shared",)),
        ({"secret": [{"id": "x", "src": "../shared/token"}]}, ("fs.read=../shared/token",)),
        ({"secret": ["id=x,src=../shared/token"]}, ("fs.read=../shared/token",)),
        ({"ssh": [{"id": "default"}]}, ("ssh",)),
        ({"ssh": ["default"]}, ("ssh",)),
        ({"ssh": ["default=../shared/key"]}, ("fs.read=../shared/key",)),
        ({"cache-from": [{"type": "local", "src": "../shared"}]}, ("fs.read=../shared",)),
        ({"cache-to": [{"type": "local", "dest": "../shared"}]}, ("fs.write=../shared",)),
        ({"output": [{"type": "local", "dest": "../shared"}]}, ("fs.write=../shared",)),
        ({"output": ["type=tar,dest=-"]}, ()),
        (
            {"entitlements": ["network.host", "device=nvidia.com/gpu=all"]},
            ("device=nvidia.com/gpu=all", "network.host"),
        ),
        ({"network": "host"}, ()),
        ({"context": "https://github.com/x/y.git", "dockerfile": "../Dockerfile"}, ()),
        ({"context": "cwd://../shared"}, ("fs.read=../shared", "fs.read=../shared/Dockerfile")),
    ],
)
def test_beyond_the_project(target: dict[str, Any], expected: tuple[str, ...], project: Path) -> None:
    assert missing(target, project) == expected


def test_far_paths_are_absolute(project: Path) -> None:
    far = project.parent.parent.resolve()
    assert missing({"contexts": {"x": "../.."}}, project) == (f"fs.read={far}",)


def test_a_link_does_not_lead_out_unseen(project: Path) -> None:
    (project / "link").symlink_to(project.parent / "shared")
    assert missing({"contexts": {"x": "link"}}, project) == ("fs.read=../shared",)


@pytest.mark.parametrize("word", ["fs.read=../shared", "fs=../shared", "fs.read=*", "fs.read=.."])
def test_granted(word: str, project: Path) -> None:
    assert missing({"context": "../shared"}, project, word) == ()


def test_granted_for_reading_is_not_for_writing(project: Path) -> None:
    target = {"output": [{"type": "local", "dest": "../shared"}]}
    assert missing(target, project, "fs.read=../shared") == ("fs.write=../shared",)
    assert missing(target, project, "fs.write=../shared") == ()


def test_granted_capabilities(project: Path) -> None:
    target = {"entitlements": ["network.host", "device=a"], "ssh": ["default"]}
    assert missing(target, project, "network.host", "device", "ssh") == ()


@pytest.mark.parametrize(("value", "asked"), [("0", False), ("false", False), ("1", True), ("", True)])
def test_switch_of_buildx(value: str, asked: bool, project: Path) -> None:
    target = {"context": "../shared", "ssh": ["default"]}
    found = missing(target, project, BUILDX_BAKE_ENTITLEMENTS_FS=value)
    assert ("fs.read=../shared" in found) is asked
    assert "ssh" in found


def test_refusal_says_how_to_grant(project: Path) -> None:
    with pytest.raises(UsageError, match="reaches for more") as caught:
        check_access({"a": {"contexts": {"x": "../shared"}}}, project, (), {})
    assert "--allow fs.read=../shared" in caught.value.problems[0].next
    check_access({"a": {}}, project, (), {})
