"""What a bake reaches for beyond its project, and the ``--allow`` words that grant it.

`docker buildx bake` asks before a bake file reads or writes outside the working directory, takes the SSH agent, the
host's network or a device; with ``--progress=rawjson`` it does not ask (buildx 0.29, commands/bake.go). bakegen builds
with rawjson, so it applies the same rules itself (bake/entitlements.go) and refuses what was not granted.
"""

from __future__ import annotations

import os
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakegen.engine.bake import field
from bakegen.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bakegen.engine.bake import Definition

FS_SWITCH = "BUILDX_BAKE_ENTITLEMENTS_FS"
_REMOTE = re.compile(r"(?:[a-z+.-]+://|git@|github\.com/|target:|docker-image:)", re.IGNORECASE)
_FALSE = {"0", "f", "false"}


def check_access(definition: Definition, cwd: Path, granted: Iterable[str], env: Mapping[str, str]) -> None:
    """Raise UsageError naming every grant that the definition needs and ``granted`` (``fs.read=..``, ``ssh``) lacks.

    Paths inside ``cwd`` need none, nor does any path when the environment says BUILDX_BAKE_ENTITLEMENTS_FS=0, as in bake.
    """
    missing = missing_grants(definition, cwd, tuple(granted), env)
    if missing:
        flags = " ".join(f"--allow {word}" for word in missing)
        raise UsageError(
            Problem(
                "the build reaches for more than its project: " + ", ".join(missing),
                why="`docker buildx bake` asks before it grants this; bakegen does not grant it in silence",
                next=f"if that is meant, build with {flags}",
            )
        )


def missing_grants(
    definition: Definition, cwd: Path, granted: tuple[str, ...], env: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the ``--allow`` words that are needed and not granted, in a stable order."""
    needed = set(chain.from_iterable(_capabilities(target) for target in definition.values()))
    missing = {word for word in needed if word not in granted and word.partition("=")[0] not in granted}
    if env.get(FS_SWITCH, "").lower() in _FALSE:
        return tuple(sorted(missing))
    for key, paths in (("fs.read", _reads), ("fs.write", _writes)):
        words = _granted_paths(granted, key)
        if "*" in words:
            continue
        allowed = [_real(cwd, path) for path in (".", *words)]
        outside = {_real(cwd, path) for target in definition.values() for path in paths(target)}
        missing |= {
            f"{key}={_shown(path, cwd)}" for path in outside if not any(path.is_relative_to(top) for top in allowed)
        }
    return tuple(sorted(missing))


def _capabilities(target: Mapping[str, Any]) -> Iterator[str]:
    """Yield the grants of a target that are no paths."""
    for word in target.get("entitlements") or ():
        if str(word).partition("=")[0] in {"network.host", "security.insecure", "device"}:
            yield str(word)
    for agent in target.get("ssh") or ():
        if not _ssh_keys(agent):
            yield "ssh"


def _reads(target: Mapping[str, Any]) -> Iterator[str]:
    """Yield the local paths that a target reads: contexts, Dockerfile, secrets, SSH keys, a local cache."""
    context = str(target.get("context") or ".")
    if not _REMOTE.match(context.removeprefix("cwd://")):
        yield (context := context.removeprefix("cwd://"))
        yield str(Path(context, str(target.get("dockerfile") or "Dockerfile").removeprefix("cwd://")))
    for value in (target.get("contexts") or {}).values():
        if not _REMOTE.match(path := str(value).removeprefix("cwd://")):
            yield path
    for secret in target.get("secret") or ():
        if path := field(secret, "src") or field(secret, "source"):
            yield path
    for agent in target.get("ssh") or ():
        yield from _ssh_keys(agent)
    for cache in target.get("cache-from") or ():
        if field(cache, "type") == "local" and (path := field(cache, "src")):
            yield path


def _writes(target: Mapping[str, Any]) -> Iterator[str]:
    """Yield the local paths that a target writes: outputs to files and a local cache."""
    for entry in chain(target.get("output") or (), target.get("cache-to") or ()):
        if (path := field(entry, "dest")) and path != "-":
            yield path


def _ssh_keys(agent: object) -> tuple[str, ...]:
    """Return the key files or sockets of an ssh entry: ``{"id": .., "paths": [..]}``, or text like ``default=a,b``."""
    if isinstance(agent, str):
        return tuple(path for path in agent.partition("=")[2].split(",") if path)
    paths = agent.get("paths") if hasattr(agent, "get") else None
    return tuple(str(path) for path in paths or ())


def _granted_paths(granted: tuple[str, ...], key: str) -> tuple[str, ...]:
    words = (word.partition("=") for word in granted)
    return tuple(path for name, _, path in words if name in {key, "fs"})


def _real(cwd: Path, path: str) -> Path:
    """Return an absolute path with its symbolic links resolved, so that a link cannot lead out unseen."""
    return Path(os.path.realpath(cwd / Path(path).expanduser()))


def _shown(path: Path, cwd: Path) -> str:
    """Return a path as it is short to write: from ``cwd`` when at most one directory up, else absolute."""
    top = _real(cwd, ".")
    return os.path.relpath(path, top) if path.is_relative_to(top.parent) else str(path)
