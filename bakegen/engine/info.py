"""What there is to build with: client, buildx, engine, builder, disk, proxies.

Two commands tell it all, side by side: `docker info` (client, plugins and engine) and `docker buildx inspect`.
"""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakegen.engine.failures import error_text, explain
from bakegen.engine.process import run
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

PATIENCE = 30.0  # seconds; `buildx inspect` itself gives a remote builder 20
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_SNAPSHOTTER = re.compile(r"^\s*org\.mobyproject\.buildkit\.worker\.snapshotter:\s*(\S+)", re.MULTILINE)
_RULE = re.compile(r"^GC Policy rule#\d+:\n((?:[ \t]+.*\n?)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GcRule:
    """One rule by which BuildKit drops cache, in buildx's own words, such as ``48h0m0s`` and ``3.346GiB``."""

    filters: str = ""
    keep_duration: str = ""
    reserved: str = ""
    max_used: str = ""
    min_free: str = ""


@dataclass(frozen=True, slots=True)
class Builder:
    """The builder that buildx would use. ``snapshotter`` is set when the docker driver keeps images in containerd."""

    name: str
    driver: str
    status: str = ""
    buildkit: str = ""
    platforms: tuple[str, ...] = ()
    snapshotter: str = ""
    gc: tuple[GcRule, ...] = ()
    error: str = ""

    @property
    def containerd_store(self) -> bool:
        """Return whether built images land in dockerd with containerd's image store: one that takes zstd layers."""
        return self.driver == "docker" and bool(self.snapshotter)


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the file system that holds the engine's data."""

    path: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """All that bakegen knows about what it builds with; "" where it is unknown, None where there is none.

    ``proxies`` maps names such as ``HTTP_PROXY`` (environment) and ``daemon HttpProxy`` to what they are set to, user
    names and passwords removed. ``disk`` is None when the engine's data is not on this machine.
    """

    docker: tuple[str, ...]
    client: str = ""
    context: str = ""
    buildx: str = ""
    server: str = ""
    server_error: str = ""
    platform: str = ""
    image_store: str = ""
    root: str = ""
    cpus: int = 0
    memory: int = 0
    builder: Builder | None = None
    builder_error: str = ""
    disk: Disk | None = None
    proxies: Mapping[str, str] | None = None


def inspect_builder(docker_cmd: Sequence[str], builder: str | None = None) -> Builder:
    """Return the named builder, or the current one; takes about 0.2 s.

    Raises EngineError when there is no buildx, no such builder, or no engine behind it.
    """
    done = run((*docker_cmd, "buildx", "inspect", *((builder,) if builder else ())), timeout=PATIENCE)
    if done.returncode:
        raise explain(done.error, EngineError)
    found = parse_inspect(done.stdout.decode(errors="replace"))
    if found.error:
        raise explain(found.error, EngineError)
    return found


def start_inspect(docker_cmd: Sequence[str], builder: str | None = None) -> Future[Builder]:
    """Start ``inspect_builder`` on a thread and return its future, so that loading and rendering run meanwhile."""
    pool = ThreadPoolExecutor(1, "bakegen-inspect")
    future = pool.submit(inspect_builder, docker_cmd, builder)
    pool.shutdown(wait=False)
    return future


def engine_cpus(docker_cmd: Sequence[str]) -> int:
    """Return how many CPUs the engine has, 0 when it does not say; takes about 0.2 s."""
    done = run((*docker_cmd, "info", "--format", "{{.NCPU}}"), timeout=PATIENCE)
    text = done.stdout.decode(errors="replace").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0  # noqa: PLR2004 - no such machine


def gather(docker_cmd: Sequence[str], env: Mapping[str, str], builder: str | None = None) -> EngineInfo:
    """Return what can be found out, with what went wrong in its ``*_error`` fields; never fails for a missing part."""
    inspected = start_inspect(docker_cmd, builder)
    report, server_error = _info(docker_cmd)
    found, builder_error = None, ""
    try:
        found = inspected.result()
    except EngineError as error:
        builder_error = str(error)
    return engine_info(tuple(docker_cmd), report, env, (server_error, found, builder_error))


def engine_info(
    docker: tuple[str, ...],
    report: Mapping[str, Any],
    env: Mapping[str, str],
    rest: tuple[str, Builder | None, str] = ("", None, ""),
) -> EngineInfo:
    """Return the facts in what `docker info --format json` printed; asks nothing but the size of a local disk."""
    client = report.get("ClientInfo") or {}
    plugins = client.get("Plugins") or []
    buildx = next((str(plugin.get("Version", "")) for plugin in plugins if plugin.get("Name") == "buildx"), "")
    root = str(report.get("DockerRootDir") or "")
    return EngineInfo(
        docker=docker,
        client=str(client.get("Version") or ""),
        context=str(client.get("Context") or ""),
        buildx=buildx,
        server=str(report.get("ServerVersion") or ""),
        server_error=rest[0] or "; ".join(report.get("ServerErrors") or ()),
        platform="/".join(filter(None, (report.get("OSType"), report.get("Architecture")))),
        image_store=_image_store(report),
        root=root,
        cpus=int(report.get("NCPU") or 0),
        memory=int(report.get("MemTotal") or 0),
        builder=rest[1],
        builder_error=rest[2],
        disk=_disk(root, env, str(client.get("Context") or "")),
        proxies=_proxies(report, env),
    )


def parse_inspect(text: str) -> Builder:
    """Return the builder that `docker buildx inspect` describes, by its first node."""
    snapshotter = _SNAPSHOTTER.search(text)
    return Builder(
        name=_value(text, "Name"),
        driver=_value(text, "Driver"),
        status=_value(text, "Status"),
        buildkit=_value(text, "BuildKit version") or _value(text, "Buildkit"),
        platforms=tuple(part.strip(" *") for part in _value(text, "Platforms").split(",") if part.strip()),
        snapshotter=snapshotter[1] if snapshotter else "",
        gc=tuple(_rule(match[1]) for match in _RULE.finditer(text)),
        error=_value(text, "Error"),
    )


def _info(docker_cmd: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return what `docker info` knows and why it knows no more; without an engine it still tells of the client."""
    done = run((*docker_cmd, "info", "--format", "{{json .}}"), timeout=PATIENCE)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {}
    return report if isinstance(report, dict) else {}, error_text(done.error) if done.returncode else ""


def _value(text: str, key: str) -> str:
    """Return what stands behind the first ``key:`` that starts a line."""
    found = re.search(rf"^{re.escape(key)}:[ \t]*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _rule(body: str) -> GcRule:
    lines = "\n".join(line.strip() for line in body.splitlines())
    return GcRule(
        filters=_value(lines, "Filters"),
        keep_duration=_value(lines, "Keep Duration"),
        reserved=_value(lines, "Reserved Space") or _value(lines, "Keep Bytes"),
        max_used=_value(lines, "Max Used Space"),
        min_free=_value(lines, "Min Free Space"),
    )


def _image_store(report: Mapping[str, Any]) -> str:
    """Return ``containerd (overlayfs)`` or the graph driver's name such as ``overlay2``."""
    driver = str(report.get("Driver") or "")
    status = report.get("DriverStatus") or []
    containerd = ["driver-type", "io.containerd.snapshotter.v1"] in status
    return f"containerd ({driver})" if containerd else driver


def _disk(root: str, env: Mapping[str, str], context: str) -> Disk | None:
    """Return the disk under the engine's root when engine and bakegen surely run on one machine."""
    local = env.get("DOCKER_HOST", "unix://").startswith("unix://") and context in {"", "default"}
    if not (root and local and Path(root).is_dir()):
        return None
    usage = shutil.disk_usage(root)
    return Disk(root, usage.free, usage.total)


def _proxies(report: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies of environment and engine, without user names and passwords."""
    ours = {name: env.get(name) or env.get(name.lower(), "") for name in PROXIES}
    theirs = {f"daemon {key}": str(report.get(key) or "") for key in ("HttpProxy", "HttpsProxy", "NoProxy")}
    return {name: re.sub(r"//[^/@]*@", "//", value) for name, value in {**ours, **theirs}.items() if value}
