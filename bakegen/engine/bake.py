"""`docker buildx bake`: its command line, its resolved definition, and the extra bake file that carries our settings.

What a build changes for its own sake (outputs, contexts, args) travels in an extra bake file, not in ``--set``: at
buildx 0.29 several ``--set`` keys are broken, and a file is there to be read when a build is looked into later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bakegen.engine.failures import explain
from bakegen.engine.process import Process, run
from bakegen.errors import BuildFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Output: TypeAlias = Literal["default", "load", "push", "none"]
Definition: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The bake targets by name, each as `docker buildx bake --print` shows it under ``target``."""

#: The metadata file is read for digests; the provenance in it would be fetched for each target.
_QUICK = {"BUILDX_METADATA_PROVENANCE": "disabled"}
_NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"
OUTPUT_FLAGS: Mapping[Output, tuple[str, ...]] = {"default": (), "none": (), "load": ("--load",), "push": ("--push",)}


@dataclass(frozen=True, slots=True)
class BakeRequest:
    """One run of `docker buildx bake`. ``files`` and paths inside them count from ``cwd``; ``builder`` None: the current one.

    ``output`` "none" needs the settings of ``cache_only`` in one of the files: bake has no flag for it.
    """

    targets: tuple[str, ...]
    files: tuple[Path, ...]
    cwd: Path
    builder: str | None = None
    output: Output = "default"
    sets: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    metadata_file: Path | None = None


def bake_argv(docker_cmd: Sequence[str], request: BakeRequest) -> tuple[str, ...]:
    """Return the command line that builds what is requested and reports progress as JSON lines on stderr."""
    metadata = ("--metadata-file", str(request.metadata_file)) if request.metadata_file else ()
    return (
        *docker_cmd,
        *("buildx", "bake", "--progress=rawjson"),
        *(("--builder", request.builder) if request.builder else ()),
        *_each("--file", request.files),
        *_each("--allow", request.allow),
        *OUTPUT_FLAGS[request.output],
        *_each("--set", request.sets),
        *metadata,
        "--",
        *request.targets,
    )


def bake(request: BakeRequest, docker_cmd: Sequence[str]) -> Process:
    """Start a bake. Iterate over its ``lines`` and give each to ``events.parse_line``; ``interrupt`` cancels it.

    Raises EngineError when docker cannot be started. What goes wrong later is in the lines and the exit code.
    """
    env = {**os.environ, **_QUICK}
    return Process(bake_argv(docker_cmd, request), cwd=request.cwd, env=env)


def bake_print(
    files: Iterable[Path], targets: Iterable[str], cwd: Path, docker_cmd: Sequence[str], sets: Iterable[str] = ()
) -> dict[str, Any]:
    """Return what bake makes of the files: ``{"group": ..., "target": ...}``, linked targets included. Needs no engine.

    Raises BuildFailed with buildx's own words for a defect in the files, EngineError when there is no buildx.
    """
    argv = (*docker_cmd, "buildx", "bake", "--progress=rawjson", *_each("--file", files), *_each("--set", sets))
    done = run((*argv, "--print", "--", *targets), cwd=cwd)
    if done.returncode:
        raise explain(_without_progress(done.error), BuildFailed)
    printed = json.loads(done.stdout)
    return printed if isinstance(printed, dict) else {}


def override_file(
    *,
    outputs: Mapping[str, Sequence[str]] | None = None,
    contexts: Mapping[str, Mapping[str, str]] | None = None,
    args: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return the text of a bake file (JSON) that, given after the others, sets these attributes of the named targets.

    bake merges ``contexts`` and ``args`` by key and replaces ``output`` (bake/bake.go, Target.Merge). Both keys and
    values are HCL templates, so ``${`` and ``%{`` are escaped.
    """
    targets: dict[str, dict[str, Any]] = {}
    for attribute, values in (("output", outputs), ("contexts", contexts), ("args", args)):
        for target, value in (values or {}).items():
            targets.setdefault(target, {})[attribute] = _escaped(value)
    return json.dumps({"target": targets}, indent=2, sort_keys=True) + "\n"


def parents(definition: Definition) -> dict[str, tuple[str, ...]]:
    """Return for every bake target the targets that it is linked to by ``contexts``."""
    return {
        name: tuple(
            dict.fromkeys(value.removeprefix("target:") for value in links.values() if value.startswith("target:"))
        )
        for name, links in ((name, target.get("contexts") or {}) for name, target in definition.items())
    }


def cache_namespaces(definition: Definition) -> dict[str, str]:
    """Return the namespace of each target's cache mounts, of those that have one: BuildKit puts it before their ids.

    Rule: https://docs.docker.com/build/building/variables/, BUILDKIT_CACHE_MOUNT_NS.
    """
    found = {name: (target.get("args") or {}).get(_NAMESPACE) for name, target in definition.items()}
    return {name: str(value) for name, value in found.items() if value}


def output_types(target: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the exporters that a target names itself; buildx prints them as objects, and as text before 0.20."""
    return tuple(field(entry, "type") for entry in target.get("output") or ())


def field(entry: object, key: str) -> str:
    """Return one field of an output, cache or secret entry, whether it is an object or text like ``type=x,src=y``."""
    if isinstance(entry, Mapping):
        return str(entry.get(key, ""))
    pairs = dict(part.partition("=")[::2] for part in str(entry).split(","))
    return pairs.get(key, "")


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value


def _each(flag: str, values: Iterable[object]) -> tuple[str, ...]:
    return tuple(word for value in values for word in (flag, str(value)))


def _without_progress(stderr: str) -> str:
    """Return the lines of a report that are no progress."""
    return "\n".join(line for line in stderr.splitlines() if not line.startswith("{"))
