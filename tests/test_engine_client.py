"""Which docker is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from python_on_whales import DockerClient

from bakegen.engine.client import docker_command
from bakegen.errors import EngineError


def docker_in(folder: Path) -> Path:
    docker = folder / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    return docker


def test_default_is_that_of_python_on_whales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = docker_in(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert docker_command() == docker_command(DockerClient()) == (str(docker),)


def test_options_of_a_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = docker_in(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert docker_command(DockerClient(host="ssh://gpu1", tls=True)) == (str(docker), "--host", "ssh://gpu1", "--tls")
    assert docker_command(DockerClient(context="gpu")) == (str(docker), "--context", "gpu")


@pytest.mark.parametrize("client", [None, DockerClient()])
def test_no_docker(client: DockerClient | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="docker is not installed") as caught:
        docker_command(client)
    (problem,) = caught.value.problems
    assert problem.why
    assert "install" in problem.next
