"""The lab: a second one beside the engine that the other tests use, with its own home and the shared cache."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import lab
from tests.lab import daemon, debs, host, locks, net, processes, rootfs, service
from tests.lab.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
CLI = (sys.executable, "-m", "tests.lab")
BASES = """
group "default" { targets = ["cpu", "cuda"] }
target "cpu" {
  dockerfile-inline = <<DOCKERFILE
FROM python:3.11-slim
RUN pip install six && python -c 'import six' && test ! -e /usr/lib/python3.11/EXTERNALLY-MANAGED
RUN python -m venv /venv && /venv/bin/pip --version
DOCKERFILE
}
target "cuda" {
  dockerfile-inline = <<DOCKERFILE
FROM nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04
RUN ! command -v python3 && test "$CUDA_VERSION" = 12.1.0 && test -e /etc/apt/apt.conf.d/docker-clean
RUN apt-get update && apt-get install --yes --no-install-recommends file
DOCKERFILE
}
target "pinned" {
  contexts = { "python:3.11-slim@sha256:DIGEST" = "docker-image://PINNED" }
  dockerfile-inline = "FROM python:3.11-slim@sha256:DIGEST\\nRUN true\\n"
}
"""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Provide a lab of our own; skipped where the machine cannot have one."""
    layout = Layout(tmp_path_factory.mktemp("second"), Layout.from_environment().cache)
    try:
        service.up(layout)  # fills the shared cache when it is empty: minutes that no test should have to wait for
    except lab.LabError as error:
        pytest.skip(f"no private engine: {error}")
    yield layout
    service.reset(layout, force=True)


@pytest.fixture
def environ(second: Layout, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make the second lab the one that the environment names, and return that environment."""
    for name, value in {"HOME": second.home, "CACHE": second.cache}.items():
        monkeypatch.setenv(f"BAKEGEN_LAB_{name}", str(value))
    monkeypatch.setenv("BAKEGEN_LAB", "private")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return dict(os.environ)


@pytest.fixture
def bystander(second: Layout) -> Iterator[Callable[[], bool]]:
    """Somebody else's bridge and firewall rule; the value tells whether both are still there."""
    service.up(second)
    link, iptables = f"bgtest-{os.getpid()}"[:15], net.working_iptables(second)
    rule = ["FORWARD", "-s", "10.99.99.0/24", "-m", "comment", "--comment", link, "-j", "ACCEPT"]
    subprocess.run(["ip", "link", "add", link, "type", "bridge"], check=True)
    subprocess.run([*iptables, "-A", *rule], check=True)

    def there() -> bool:
        found = subprocess.run([*iptables, "-C", *rule], check=False, capture_output=True).returncode == 0
        return found and Path(f"/sys/class/net/{link}").exists()

    yield there
    subprocess.run([*iptables, "-D", *rule], check=True)
    subprocess.run(["ip", "link", "delete", link], check=True)


def traces(layout: Layout) -> list[object]:
    """Everything of this lab that the machine would still see outside the lab's home."""
    cgroups = [path for path in Path("/sys/fs/cgroup").rglob(layout.name) if path.is_dir()]
    links = [path for path in Path("/sys/class/net").iterdir() if path.name == layout.bridge]
    records = [p for p in Path("/run/runc").glob("*/state.json") if layout.name in p.read_text()]
    runtime = [layout.runtime] if layout.runtime.exists() else []
    return [
        *daemon.mounts(layout),
        *processes.of(layout),
        *net.removals(layout),
        *cgroups,
        *links,
        *records,
        *runtime,
    ]


def docker(layout: Layout, *args: str) -> subprocess.Popen[str]:
    """Start the client on a lab's engine."""
    client = service.describe(layout)
    return subprocess.Popen(
        [client.docker, *args],
        env={**os.environ, **client.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output(process: subprocess.Popen[str], seconds: float = 180) -> str:
    """Wait for a client that has to succeed and return what it printed."""
    text = process.communicate(timeout=seconds)[0]
    assert process.returncode == 0, text
    return text


@pytest.mark.engine
def test_up_is_idempotent_also_for_many_at_once(second: Layout, environ: dict[str, str]) -> None:
    service.down(second)
    racing = [
        subprocess.Popen([*CLI, "up"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[1] for process in racing]
    assert [process.returncode for process in racing] == [0, 0, 0]
    assert sorted("already up" in text for text in said) == [False, True, True]

    pid = processes.find(second, "dockerd")
    begun = time.monotonic()
    assert not service.up(second)
    assert time.monotonic() - begun < 1
    assert pid == processes.find(second, "dockerd")


@pytest.mark.engine
def test_up_recovers_from_an_engine_that_was_killed_in_the_middle_of_a_build(
    second: Layout, tmp_path: Path, bystander: Callable[[], bool]
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nRUN sleep 300\n")
    build = docker(second, "buildx", "build", str(tmp_path))
    wait_until(lambda: any(process.program == "" for process in processes.of(second)))

    pid = processes.find(second, "dockerd")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    build.communicate(timeout=30)
    assert build.returncode

    assert service.up(second)
    assert processes.find(second, "dockerd") not in {None, pid}
    assert not [process for process in processes.of(second) if not process.program], "the step outlived its engine"
    assert "Python 3.11" in output(docker(second, "run", "--rm", "python:3.11-slim", "python", "-V"))
    assert bystander()


@pytest.mark.engine
def test_down_leaves_nothing_behind(second: Layout, bystander: Callable[[], bool]) -> None:
    output(docker(second, "network", "create", "family"))
    for options in ([], ["--network=family", "--publish=127.0.0.1::80"]):
        output(docker(second, "run", "--detach", "--stop-timeout=1", *options, "python:3.11-slim", "sleep", "300"))
    state = daemon.State.read(second)
    assert state is not None
    assert traces(second)

    service.down(second)

    assert traces(second) == []
    assert not any(net.subnet(state.subnet).whole.overlaps(route) for route in net.routed())
    assert bystander()


@pytest.mark.engine
def test_both_bases_build_with_network_and_can_be_substituted(second: Layout, tmp_path: Path) -> None:
    service.up(second)
    engine = service.describe(second)
    file = tmp_path / "docker-bake.hcl"
    file.write_text(BASES.replace("PINNED", engine.substitutions["python:3.11-slim"]).replace("DIGEST", "0" * 64))
    address = Path(f"/sys/class/net/{second.bridge}/address")
    before = address.read_text()
    output(docker(second, "buildx", "bake", "--progress=plain", f"--file={file}", "default", "pinned"))
    assert address.read_text() == before, "steps that still run lose their gateway when the bridge's address changes"


@pytest.mark.engine
def test_an_engine_that_is_in_use_stays(second: Layout, environ: dict[str, str]) -> None:
    service.down(second)
    with lab.engine() as mine:
        assert mine.private
        with lab.engine() as same:
            assert same == mine
        assert daemon.answers(second), "the inner one did not start it"
        refused = subprocess.run([*CLI, "down"], cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
        assert refused.returncode == 1
        assert "the engine is in use" in refused.stderr
        info = subprocess.run(
            [*CLI, "run", "--", "docker", "info", "--format", "{{.DockerRootDir}}"],
            cwd=ROOT,
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        assert info.stdout.strip() == str(second.data)
        exports = subprocess.run(
            [*CLI, "env"], cwd=ROOT, env=environ, check=True, capture_output=True, text=True
        ).stdout
        assert f"export DOCKER_HOST=unix://{second.socket}\n" in exports
        other = locks.acquire(second.users, shared=True)
        assert other is not None
    assert daemon.answers(second), "somebody else holds it"
    os.close(other)

    with lab.engine():
        pass
    assert daemon.answers(second), "whoever found it running leaves it running"
    service.down(second)
    with lab.engine():
        pass
    assert not daemon.answers(second), "whoever started it stops it"


@pytest.mark.engine
def test_without_package_sources_or_network_it_says_so(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("no apt on this machine")
    layout = Layout(tmp_path / "home", tmp_path / "cache")
    unreachable = tmp_path / "sources.list"
    cases = {"": "apt knows no source", f"deb http://127.0.0.1:9/debian {debs.release_codename()} main\n": "127.0.0.1"}
    for sources, why in cases.items():
        unreachable.write_text(sources)
        config = tmp_path / "apt.conf"
        config.write_text(f'Dir::Etc::sourcelist "{unreachable}"; Dir::Etc::sourceparts "-";')
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("APT_CONFIG", str(config))
            with pytest.raises(lab.LabError) as caught:
                debs.fetch(layout)
        assert why in caught.value.why
    assert not layout.prefix.exists()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Poll until something holds; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_not_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(lab.LabError, match="needs root") as caught:
        service.up(Layout(tmp_path, tmp_path))
    assert "user 1000" in caught.value.why
    assert "as root" in caught.value.todo


def test_not_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    fedora = {"ID": "fedora", "VERSION_CODENAME": "", "PRETTY_NAME": "Fedora Linux 43"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: fedora)
    with pytest.raises(lab.LabError, match="needs Debian") as caught:
        debs.release_codename()
    assert "Fedora Linux 43" in caught.value.why


def test_not_enough_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "free_bytes", lambda _: 1_200_000_000)
    with pytest.raises(lab.LabError, match="not enough disk") as caught:
        host.check_disk(Layout(tmp_path, tmp_path))
    assert "1.2 GB free" in caught.value.why
    assert "BAKEGEN_LAB_HOME" in caught.value.todo


def test_no_overlayfs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "succeeds", lambda *_, **__: False)
    with pytest.raises(lab.LabError, match="cannot be mounted") as caught:
        host.check_overlay(Layout(tmp_path, tmp_path))
    assert "overlayfs" in caught.value.why
    assert list(tmp_path.iterdir()) == []


def test_environment_of_an_engine_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(lab.LabError, match="the lab is down") as caught:
        service.describe(Layout(tmp_path, tmp_path))
    assert "tests.lab up" in caught.value.todo


def test_labs_with_different_homes_share_nothing_on_the_machine(tmp_path: Path) -> None:
    one, two = (Layout(tmp_path / name, tmp_path / "cache") for name in ("one", "two"))
    assert one.bridge != two.bridge
    assert one.socket != two.socket
    assert len(one.bridge) <= 15
    assert one.prefix == two.prefix


def test_subnets_avoid_every_route() -> None:
    free = net.choose_subnet([], 0)
    assert str(free.bridge) == "10.213.0.1/24"
    assert str(free.pool) == "10.213.8.0/21"
    assert net.choose_subnet([], 1).whole != free.whole
    vpn = [ipaddress.IPv4Network("10.0.0.0/8"), ipaddress.IPv4Network("172.29.0.0/17")]
    assert str(net.choose_subnet(vpn, 0).whole) == "172.29.128.0/20"
    with pytest.raises(lab.LabError, match="no free subnet"):
        net.choose_subnet([ipaddress.IPv4Network("0.0.0.0/0")], 0)


def test_dns_servers_that_containers_can_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# systemd-resolved\nnameserver 127.0.0.53\noptions edns0\n")
    real.write_text("nameserver fe80::1\nnameserver 192.0.2.53\n")
    monkeypatch.delenv("BAKEGEN_LAB_DNS", raising=False)
    assert host.nameservers(stub, real) == ["192.0.2.53"]
    assert host.nameservers(stub, tmp_path / "absent") == []
    monkeypatch.setenv("BAKEGEN_LAB_DNS", "198.51.100.1 198.51.100.2")
    assert host.nameservers(stub) == ["198.51.100.1", "198.51.100.2"]


def test_locks_are_shared_by_users_and_exclusive_for_changes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    first, second = locks.acquire(path, shared=True), locks.acquire(path, shared=True, wait=False)
    assert first is not None
    assert second is not None
    assert locks.acquire(path, wait=False) is None
    os.close(first)
    fcntl.flock(second, fcntl.LOCK_UN)
    with locks.held(path):
        assert locks.acquire(path, shared=True, wait=False) is None
    os.close(second)


def test_certificates_of_a_bundle() -> None:
    one = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    assert rootfs.certificates(f"# a comment\n{one}\n{one}") == [one, one]
