"""What is good, doubtful or wrong about what there is to build with; pure, for `bakegen doctor`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from bakegen.engine.failures import explain
from bakegen.engine.gc import GB, Needed, setting, threats
from bakegen.errors import EngineError

if TYPE_CHECKING:
    from bakegen.engine.info import Builder, Disk, EngineInfo

Level: TypeAlias = Literal["ok", "warn", "fail"]

OLDEST_BUILDX = (0, 12)  # bake's contexts, --progress=rawjson and named groups as bakegen writes them
TESTED_BUILDX = (0, 29)
LITTLE_DISK = 20 * GB  # a CUDA image with torch writes 10 GB of layers and as much of build cache


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``title`` in few words, ``detail`` what is, ``next`` what to do about it.

    ``setting`` is text for a configuration file that ``next`` names.
    """

    level: Level
    title: str
    detail: str
    next: str = ""
    setting: str = ""


def diagnose(info: EngineInfo, needed: Needed | None = None) -> tuple[Finding, ...]:
    """Return the findings, in the order in which one would look: what builds upon another comes after it.

    ``needed`` is what the family's cache mounts take.
    """
    found = [_client(info), _buildx(info), _engine(info)]
    if info.server:
        found += [_image_store(info), *_disk(info.disk)]
    if info.builder:
        found += [_builder(info.builder), *_gc(info, info.builder, needed or Needed())]
    elif info.buildx and info.server:
        found.append(_trouble("builder", info.builder_error))
    return (*found, *_proxies(info))


def _client(info: EngineInfo) -> Finding:
    context = f", context {info.context}" if info.context else ""
    return Finding("ok", "docker client", f"{info.client or 'of unknown version'}{context} ({info.docker[0]})")


def _buildx(info: EngineInfo) -> Finding:
    if not info.buildx:
        return _trouble("buildx", "unknown command: docker buildx")
    version = _version(info.buildx)
    oldest = ".".join(map(str, OLDEST_BUILDX))
    if version and version < OLDEST_BUILDX:
        return Finding("fail", "buildx", f"{info.buildx} is older than {oldest}", "update buildx")
    if version and version < TESTED_BUILDX:
        tested = ".".join(map(str, TESTED_BUILDX))
        return Finding("ok", "buildx", f"{info.buildx}; bakegen is tested with {tested} and newer")
    return Finding("ok", "buildx", info.buildx)


def _engine(info: EngineInfo) -> Finding:
    if not info.server:
        return _trouble("engine", info.server_error or "Cannot connect to the Docker daemon")
    size = f", {info.cpus} CPUs, {info.memory / GB:.1f} GB" if info.cpus else ""
    return Finding("ok", "engine", f"{info.server}, {info.platform}{size}")


def _image_store(info: EngineInfo) -> Finding:
    if info.image_store.startswith("containerd"):
        return Finding("ok", "image store", f"{info.image_store}: layers are stored as zstd, which exports faster")
    return Finding(
        "warn",
        "image store",
        f"{info.image_store}: no multi-platform images, no attestations, gzip only",
        'set "features": {"containerd-snapshotter": true} in daemon.json and restart the engine',
    )


def _disk(disk: Disk | None) -> list[Finding]:
    if disk is None:
        return []
    detail = f"{disk.free / GB:.1f} of {disk.total / GB:.1f} GB free in {disk.path}"
    if disk.free < LITTLE_DISK:
        return [
            Finding("warn", "disk", detail, "`docker buildx du` shows what the build cache holds; prune what is old")
        ]
    return [Finding("ok", "disk", detail)]


def _builder(builder: Builder) -> Finding:
    detail = f"{builder.name} ({builder.driver} driver), {builder.status or 'status unknown'}"
    if builder.driver != "docker":
        return Finding(
            "warn",
            "builder",
            f"{detail}: built images stay in its cache",
            "build with --load or --push to have them elsewhere, or use the docker driver: `docker buildx use default`",
        )
    return Finding("ok", "builder", detail)


def _gc(info: EngineInfo, builder: Builder, needed: Needed) -> list[Finding]:
    """Return what the cache limits mean for cache mounts."""
    if not builder.gc:
        return []
    found = list(threats(builder.gc, needed, info.disk if builder.driver == "docker" else None))
    if not found:
        rules = f"{len(builder.gc)} rule{'s' if len(builder.gc) > 1 else ''}"
        return [Finding("ok", "build cache", f"{rules} for garbage collection, cache mounts are left alone; {needed}")]
    where, text = setting(builder.driver, info.server, builder.gc, needed)
    return [Finding("warn", "build cache", "; ".join(found), where, text)]


def _proxies(info: EngineInfo) -> list[Finding]:
    if not info.proxies:
        return []
    text = ", ".join(f"{name}={value}" for name, value in sorted(info.proxies.items()))
    return [
        Finding("ok", "proxies", f"{text}; a proxy that forbids caching makes pip's cache mounts useless, not uv's")
    ]


def _trouble(title: str, words: str) -> Finding:
    """Return a failing finding that says of docker's words what bakegen knows about them."""
    problem = explain(words, EngineError).problems[0]
    return Finding("fail", title, "; ".join(filter(None, (problem.what, problem.why))), problem.next)


def _version(text: str) -> tuple[int, ...]:
    """Return major and minor of a version such as ``v0.29.1+ds1``; () when it has none."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()
