"""Starting and stopping the private engine: docker-registry and dockerd, with everything of theirs set apart."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import host, net, processes
from .shell import LabError, run, step, succeeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .layout import Layout

CACHE_LIMIT = 40_000_000_000  # bytes of images and build cache: a few sets of torch and CUDA wheels
DISK_RESERVE = 8_000_000_000  # bytes that stay free on the disk
PATIENCE = 20  # looks, 0.05 s apart
PASSED_ON = {"HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


class State(NamedTuple):
    """What one start decides and the next one prefers."""

    registry_port: int
    subnet: str
    bases: dict[str, str]  # the stand-ins in the registry: name in FROM -> repository@digest

    @classmethod
    def read(cls, layout: Layout) -> State | None:
        """Return what the last start decided; None before the first, or when the file is damaged."""
        try:
            return cls(**json.loads(layout.state.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, layout: Layout) -> None:
        """Remember it."""
        layout.state.write_text(json.dumps(self._asdict()) + "\n")


def answers(layout: Layout) -> bool:
    """Whether dockerd and the registry of this lab both answer now."""
    state = State.read(layout)
    return state is not None and _docker_answers(layout) and _registry_answers(state.registry_port)


def start(layout: Layout, bases: dict[str, str]) -> State:
    """Start registry and dockerd; the caller holds the lock and has removed what an earlier engine left."""
    state = _decide(layout, bases)
    state.write(layout)
    for directory in (layout.runtime, layout.data, layout.logs, layout.registry_data):
        directory.mkdir(parents=True, exist_ok=True)
    _write_docker_config(layout)
    _write_configs(layout, state)
    programs = layout.prefix / "usr"
    with step(f"start the registry on 127.0.0.1:{state.registry_port}"):
        _launch(layout, "docker-registry", [programs / "bin/docker-registry", "serve", layout.registry_config])
        _wait(layout, "docker-registry", lambda: _registry_answers(state.registry_port))
    net.bring_up(layout, net.subnet(state.subnet))
    with step(f"start dockerd (bridge {layout.bridge}, {state.subnet})"):
        _launch(layout, "dockerd", [programs / "sbin/dockerd", "--config-file", layout.daemon_config])
        _wait(layout, "dockerd", lambda: _docker_answers(layout))
    return state


def stop(layout: Layout) -> None:
    """Stop the engine if it runs, and remove every trace of it outside the home, also after a crash."""
    processes.stop_all(layout)
    _unmount(layout)
    net.tear_down(layout)
    shutil.rmtree(layout.runtime, ignore_errors=True)
    _remove_container_records(layout)
    _remove_cgroups(layout)


def mounts(layout: Layout) -> list[str]:
    """Mount points at or below the lab's directories, the deepest first."""
    roots = tuple(f"{os.path.realpath(path)}/" for path in (layout.runtime, layout.data))
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for written, meant in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        points = [point.replace(written, meant) for point in points]
    return sorted((point for point in points if f"{point}/".startswith(roots)), reverse=True)


def _unmount(layout: Layout) -> None:
    for point in mounts(layout):
        if not succeeds(["umount", point]):
            run(["umount", "--lazy", point], what=f"cannot unmount {point}")


def _remove_container_records(layout: Layout) -> None:
    """Remove what runc keeps in a directory of the whole machine about steps whose processes were killed."""
    for record in Path("/run/runc").glob("*/state.json"):
        with contextlib.suppress(OSError):
            if f"/{layout.name}/" in record.read_text():
                shutil.rmtree(record.parent)


def _remove_cgroups(layout: Layout) -> None:
    """Remove the empty cgroups of containers; version 1 has one tree per controller, version 2 a single one."""
    root = Path("/sys/fs/cgroup")
    for top in [root / layout.name, *root.glob(f"*/{layout.name}")]:
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # one that the kernel has just removed itself
                Path(directory).rmdir()


def _decide(layout: Layout, bases: dict[str, str]) -> State:
    """Keep the port and subnet of the last start while they are free, else choose others."""
    last = State.read(layout)
    port = _free_port([last.registry_port] if last else [5000])
    taken = net.routed()
    if last and not any(ipaddress.IPv4Network(last.subnet).overlaps(other) for other in taken):
        return State(port, last.subnet, bases)
    # dockerd would give the bridge its old address again from what it remembers of its networks
    shutil.rmtree(layout.data / "network", ignore_errors=True)
    return State(port, str(net.choose_subnet(taken, int(layout.id, 16)).whole), bases)


def _free_port(wanted: list[int]) -> int:
    """Return the first wanted port that is free on the loopback, else any free one."""
    for port in [*wanted, 0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LabError("no free port for the registry", "the loopback has none left", "end something that listens on it")


def _write_docker_config(layout: Layout) -> None:
    """Give the client a configuration of its own: the buildx plugin, no context and no credentials of the user's."""
    plugin = layout.docker_config / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.unlink(missing_ok=True)
    plugin.symlink_to(layout.prefix / "usr/libexec/docker/cli-plugins/docker-buildx")
    config = layout.docker_config / "config.json"
    if not config.exists():
        config.write_text("{}\n")


def _write_configs(layout: Layout, state: State) -> None:
    """Write the registry's and dockerd's configuration for this start."""
    registry = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(layout.registry_data)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{state.registry_port}"},
    }
    layout.registry_config.write_text(json.dumps(registry, indent=1))  # JSON is YAML
    layout.daemon_config.write_text(json.dumps(_daemon_json(layout, state), indent=1))


def _daemon_json(layout: Layout, state: State) -> dict[str, object]:
    """Return the settings with which this dockerd shares nothing with another one on the same machine."""
    limit = min(CACHE_LIMIT, max(host.free_bytes(layout.data) - DISK_RESERVE, 4_000_000_000))
    sizes = {"maxUsedSpace": limit, "reservedSpace": limit // 4, "minFreeSpace": DISK_RESERVE}
    # One rule instead of the defaults, which drop wheels in cache mounts after 48 hours.
    rule = {"all": True, **{name: str(size) for name, size in sizes.items()}}
    return {
        "hosts": [f"unix://{layout.socket}"],
        "group": "root",
        "data-root": str(layout.data),
        "exec-root": str(layout.exec_root),
        "pidfile": str(layout.pidfile),
        "features": {"containerd-snapshotter": True},
        "registry-mirrors": [f"http://127.0.0.1:{state.registry_port}"],
        "bridge": layout.bridge,
        "default-address-pools": [{"base": str(net.subnet(state.subnet).pool), "size": 24}],
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "ip-masq": False,
        "dns": host.nameservers(),
        "cgroup-parent": f"/{layout.name}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "init-path": str(layout.prefix / "usr/bin/tini-static"),
        "userland-proxy-path": str(layout.prefix / "usr/sbin/docker-proxy"),
        "shutdown-timeout": 5,
        "builder": {"gc": {"enabled": True, "policy": [rule]}},
    }


def _launch(layout: Layout, name: str, argv: list[str | Path]) -> None:
    """Start a daemon in a session of its own: no child of ours, so that it outlives us and leaves no zombie."""
    programs = [layout.wrappers, *(layout.prefix / "usr" / part for part in ("sbin", "bin"))]
    env = {key: value for key, value in os.environ.items() if key.upper() in PASSED_ON}
    env["PATH"] = ":".join([*map(str, programs), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
    with _log(layout, name).open("wb") as log:
        command = ["setsid", "--fork", *argv]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/", check=True)


def _log(layout: Layout, name: str) -> Path:
    return layout.logs / f"{name}.log"


def _wait(layout: Layout, name: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until the daemon answers; LabError with the end of its log when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    absent = 0  # looks in a row that did not find the process: it needs a moment to appear
    while not ready():
        absent = 0 if processes.find(layout, name) else absent + 1
        if absent > PATIENCE or time.monotonic() > deadline:
            happened = "it ended" if absent else f"it did not answer within {seconds:.0f} s"
            tail = "\n       ".join(_log(layout, name).read_text(errors="replace").splitlines()[-12:])
            raise LabError(
                f"{name} did not start",
                f"{happened}; {_log(layout, name)} ends with:\n       {tail}",
                "mend what the log says; `python -m tests.lab down` cleans up",
            )
        time.sleep(0.05)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=15)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _docker_answers(layout: Layout) -> bool:
    return _ok(_UnixConnection(layout.socket), "/_ping")


def _registry_answers(port: int) -> bool:
    return _ok(http.client.HTTPConnection("127.0.0.1", port, timeout=15), "/v2/")


def _ok(connection: http.client.HTTPConnection, path: str) -> bool:
    """Whether GET `path` gives 200."""
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
