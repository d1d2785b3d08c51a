"""What there is to build with, and what is wrong with it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakegen.engine.client import docker_command
from bakegen.engine.diagnose import Finding, diagnose
from bakegen.engine.info import (
    Builder,
    Disk,
    EngineInfo,
    GcRule,
    engine_info,
    gather,
    inspect_builder,
    parse_inspect,
    start_inspect,
)
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests import lab

INSPECT = """\
Name:          default
Driver:        docker
Last Activity: 2026-11-23 20:14:11 +0000 UTC

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.26.2
Platforms:        linux/amd64, linux/amd64/v2*, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor:    containerd
 org.mobyproject.buildkit.worker.snapshotter: overlayfs
GC Policy rule#0:
 All:            false
 Filters:        type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration:  48h0m0s
 Max Used Space: 3.346GiB
GC Policy rule#1:
 All:            true
 Reserved Space: 24.21GiB
 Max Used Space: 188.1GiB
 Min Free Space: 47.5GiB
"""
DOWN = """\
Name:          default
Driver:
Error:         Cannot connect to the Docker daemon at unix:///nope.sock. Is the docker daemon running?
"""
REPORT: dict[str, Any] = {
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    "OSType": "linux",
    "Architecture": "x86_64",
    "NCPU": 2,
    "MemTotal": 25_276_502_016,
    "DockerRootDir": "",
    "HttpProxy": "http://me:secret@proxy:3128",
    "ServerVersion": "28.5.2",
    "ClientInfo": {
        "Version": "28.5.1",
        "Context": "default",
        "Plugins": [{"Name": "compose", "Version": "2"}, {"Name": "buildx", "Version": "v0.29.1"}],
    },
}


def info(report: Mapping[str, Any] | None = None, builder: Builder | None = None, **env: str) -> EngineInfo:
    return engine_info(("docker",), REPORT if report is None else report, env, ("", builder, ""))


def levels(found: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.title: finding.level for finding in found}


def test_builder_of_an_engine_with_containerds_store() -> None:
    builder = parse_inspect(INSPECT)
    assert builder == Builder(
        name="default",
        driver="docker",
        status="running",
        buildkit="v0.26.2",
        platforms=("linux/amd64", "linux/amd64/v2", "linux/386"),
        snapshotter="overlayfs",
        gc=(
            GcRule("type==source.local,type==exec.cachemount,type==source.git.checkout", "48h0m0s", "", "3.346GiB"),
            GcRule("", "", "24.21GiB", "188.1GiB", "47.5GiB"),
        ),
    )
    assert builder.containerd_store


def test_builders_that_hold_no_zstd() -> None:
    graph_driver = INSPECT.replace("worker.snapshotter", "worker.other")
    assert not parse_inspect(graph_driver).containerd_store
    assert not parse_inspect(INSPECT.replace("Driver:        docker", "Driver:   docker-container")).containerd_store


def test_builder_without_an_engine() -> None:
    builder = parse_inspect(DOWN)
    assert builder.driver == ""
    assert builder.error.startswith("Cannot connect to the Docker daemon at unix:///nope.sock")


def test_engine_info() -> None:
    found = info(HTTPS_PROXY="https://u:p@other", no_proxy="localhost")
    assert found == EngineInfo(
        docker=("docker",),
        client="28.5.1",
        context="default",
        buildx="v0.29.1",
        server="28.5.2",
        platform="linux/x86_64",
        image_store="containerd (overlayfs)",
        cpus=2,
        memory=25_276_502_016,
        proxies={"HTTPS_PROXY": "https://other", "NO_PROXY": "localhost", "daemon HttpProxy": "http://proxy:3128"},
    )


def test_disk_only_where_it_is_this_machines(tmp_path: Path) -> None:
    report = {**REPORT, "DockerRootDir": str(tmp_path)}
    disk = info(report).disk
    assert disk is not None
    assert 0 < disk.free < disk.total
    assert info(report, DOCKER_HOST="unix:///run/x.sock").disk
    assert info(report, DOCKER_HOST="ssh://gpu1").disk is None
    assert info({**report, "ClientInfo": {"Context": "gpu"}}).disk is None
    assert info({**REPORT, "DockerRootDir": "/no/such/place"}).disk is None


def test_all_well() -> None:
    builder = Builder("default", "docker", "running")
    assert levels(diagnose(info(builder=builder))) == {
        "docker client": "ok",
        "buildx": "ok",
        "engine": "ok",
        "image store": "ok",
        "builder": "ok",
        "proxies": "ok",
    }


def test_doubts() -> None:
    report = {**REPORT, "Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}
    found = diagnose(info(report, parse_inspect(INSPECT)))
    assert levels(found)["image store"] == "warn"
    assert levels(found)["build cache"] == "warn"
    (cache,) = [finding for finding in found if finding.title == "build cache"]
    assert "for 48 h" in cache.detail
    assert "3.6 GB" in cache.detail
    assert '"builder"' in cache.setting
    other = diagnose(info(builder=Builder("ci", "docker-container", "inactive")))
    assert levels(other)["builder"] == "warn"


@pytest.mark.parametrize(("free", "level"), [(5 * 10**9, "warn"), (50 * 10**9, "ok")])
def test_disk_level(free: int, level: str) -> None:
    found = diagnose(EngineInfo(("docker",), buildx="0.29.1", server="28", disk=Disk("/data", free, 10**11)))
    assert levels(found)["disk"] == level


@pytest.mark.parametrize(
    ("version", "level"),
    [("v0.11.2", "fail"), ("0.12.1", "ok"), ("0.29.1+ds1", "ok"), ("v1.0.0", "ok"), ("odd", "ok"), ("", "fail")],
)
def test_buildx_level(version: str, level: str) -> None:
    (found,) = [finding for finding in diagnose(EngineInfo(("docker",), buildx=version)) if finding.title == "buildx"]
    assert found.level == level
    assert found.next or level == "ok"


def test_no_engine() -> None:
    words = "Cannot connect to the Docker daemon at unix:///nope.sock. Is the docker daemon running?"
    found = diagnose(EngineInfo(("docker",), buildx="0.29.1", server_error=words))
    assert levels(found) == {"docker client": "ok", "buildx": "ok", "engine": "fail"}
    assert "no Docker engine answers at unix:///nope.sock" in found[-1].detail


def test_engine_without_a_builder() -> None:
    facts = EngineInfo(("docker",), buildx="0.29.1", server="28", builder_error='no builder "x" found')
    assert levels(diagnose(facts))["builder"] == "fail"


def fake_docker(folder: Path, script: str) -> str:
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.process
def test_docker_without_buildx(tmp_path: Path) -> None:
    docker = fake_docker(
        tmp_path,
        """case "$1" in
        info) echo '{"ServerVersion": "28", "ClientInfo": {"Version": "28", "Plugins": []}}' ;;
        *) echo "docker: unknown command: docker buildx" >&2; exit 1 ;;
        esac""",
    )
    with pytest.raises(EngineError, match="its buildx plugin is not"):
        inspect_builder((docker,))
    found = gather((docker,), {})
    assert (found.client, found.buildx, found.builder) == ("28", "", None)
    assert levels(diagnose(found)) == {"docker client": "ok", "buildx": "fail", "engine": "ok", "image store": "warn"}


@pytest.mark.process
def test_engine_that_is_down(tmp_path: Path) -> None:
    docker = fake_docker(
        tmp_path,
        f"""case "$1" in
        info) echo '{{"ClientInfo": {{"Plugins": [{{"Name": "buildx", "Version": "0.29.1"}}]}}}}'
            echo 'Cannot connect to the Docker daemon at unix:///nope.sock. Is the docker daemon running?' >&2; exit 1 ;;
        *) printf '%s\n' '{DOWN}' ;;
        esac""",
    )
    with pytest.raises(EngineError, match=r"no Docker engine answers at unix:///nope\.sock"):
        start_inspect((docker,)).result()
    found = gather((docker,), {})
    assert found.server_error
    assert levels(diagnose(found)) == {"docker client": "ok", "buildx": "ok", "engine": "fail"}


@pytest.mark.process
def test_docker_that_prints_nonsense(tmp_path: Path) -> None:
    found = gather((fake_docker(tmp_path, "echo nonsense"),), {})
    assert (found.client, found.server) == ("", "")


@pytest.mark.engine
def test_real_engine(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    found = gather(docker_command(), os.environ)
    assert found.server
    assert found.buildx
    assert found.builder
    assert found.builder.driver
    assert "fail" not in levels(diagnose(found)).values()


@pytest.mark.engine
def test_real_client_without_an_engine(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {**engine.env, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match="no Docker engine answers at unix://"):
        inspect_builder(docker_command())
    with pytest.raises(EngineError, match="no builder named nope"):
        inspect_builder(docker_command(), "nope")
    assert levels(diagnose(gather(docker_command(), os.environ)))["engine"] == "fail"
