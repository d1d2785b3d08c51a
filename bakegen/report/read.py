"""The record of a run as values; what is damaged or missing is said, and the rest is used."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bakegen.report.find import EVENTS, read_result, statuses
from bakegen.report.model import RunFacts
from bakegen.trace.fold import trace
from bakegen.trace.model import Step, Trace
from bakegen.verdicts.model import MountUsage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakegen.report.sizes import Layers

CACHES, IMAGES = "caches.json", "images.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a run; ``missing`` says what is not. ``before`` and ``after`` are None when not recorded."""

    facts: RunFacts
    trace: Trace
    before: tuple[MountUsage, ...] | None
    after: tuple[MountUsage, ...] | None
    missing: tuple[str, ...]
    layers: Mapping[str, Layers] | None = None
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read(directory: Path) -> Record:
    """Return the record in a run's directory; never raises for what is in its files."""
    missing: list[str] = []
    result = read_result(directory)
    facts = _facts(directory, result, missing)
    steps = _namespaced(_trace(directory, missing), result.get("cache_namespaces"))
    before, after = _caches(directory, missing)
    if not steps.steps and not missing:
        missing.append("no step is recorded")
    return Record(facts, steps, before, after, tuple(missing), _layers(directory), _variables(directory))


def _facts(directory: Path, result: dict[str, Any], missing: list[str]) -> RunFacts:
    if not result:
        missing.append("result.json is missing or damaged: outcome, wall time and statuses are not known")
    outcome = result.get("status")
    if outcome == "running":
        missing.append("the run has no end: it is still going on, or was killed")
    took, cpus = result.get("seconds"), result.get("cpus")
    return RunFacts(
        id=str(result.get("id") or directory.absolute().name),
        outcome={"running": "unfinished"}.get(outcome, outcome) if isinstance(outcome, str) else "outcome unknown",
        started=str(result.get("started") or ""),
        seconds=_number(took),
        output=str(result.get("output") or ""),
        cpus=cpus if isinstance(cpus, int) and _number(cpus) else None,
        statuses=statuses(result),
        elapsed=_elapsed(result.get("images")),
        parents=_parents(result.get("parents")),
    )


def _parents(value: object) -> dict[str, list[str]]:
    known = value.items() if isinstance(value, dict) else ()
    return {
        str(name): [word for word in words if isinstance(word, str)] for name, words in known if isinstance(words, list)
    }


def _elapsed(images: object) -> dict[str, float]:
    found = ((item.get("name"), _number(item.get("seconds"))) for item in _objects(images))
    return {name: seconds for name, seconds in found if isinstance(name, str) and seconds is not None}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _trace(directory: Path, missing: list[str]) -> Trace:
    try:
        with (directory / EVENTS).open("rb") as lines:
            found = trace(lines)
            if lines.tell() and lines.seek(-1, os.SEEK_END) and lines.read() != b"\n":
                missing.append("events.ndjson ends in the middle of a line: the run was killed, or the disk was full")
    except OSError as error:
        missing.append(f"events.ndjson cannot be read ({error.strerror}): nothing is known of the steps")
        return Trace((), (), 0.0, 0.0)
    return found


def _namespaced(found: Trace, namespaces: object) -> Trace:
    """Return a trace whose cache mounts have the ids that the engine lists them under: behind their namespace."""
    known = namespaces if isinstance(namespaces, dict) else {}
    return replace(found, steps=tuple(_named(step, known) for step in found.steps)) if known else found


def _named(step: Step, namespaces: Mapping[object, object]) -> Step:
    spaces = [space for image in step.images if isinstance(space := namespaces.get(image), str)]
    if not spaces or not step.caches:
        return step
    caches = (replace(use, id=f"{spaces[0]}/{(use.id or use.target).lstrip('/')}") for use in step.caches)
    return replace(step, caches=tuple(caches))


def _caches(directory: Path, missing: list[str]) -> tuple[tuple[MountUsage, ...] | None, tuple[MountUsage, ...] | None]:
    path = directory / CACHES
    if not path.exists():
        missing.append("sizes of cache mounts were not recorded (no caches.json)")
        return None, None
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        missing.append("caches.json is damaged: sizes of cache mounts are not known")
        return None, None
    before, after = _mounts(found.get("before")), _mounts(found.get("after"))
    if before is None or after is None:
        when = "before or after" if before is None and after is None else "before" if before is None else "after"
        missing.append(f"sizes of cache mounts {when} the run were not recorded")
    return before, after


def _layers(directory: Path) -> dict[str, Layers] | None:
    """Return the layers of each image; None when they were not recorded, which a report says where sizes would be."""
    try:
        found = json.loads((directory / IMAGES).read_bytes())["images"]
        return {str(name): [(str(mark), int(size)) for mark, size in held] for name, held in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _variables(directory: Path) -> dict[str, dict[str, str]]:
    """Return the variables of images that were asked for them; none where that was not recorded."""
    try:
        found = json.loads((directory / IMAGES).read_bytes())["variables"]
        return {str(name): {str(n): str(value) for n, value in held.items()} for name, held in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _mounts(value: object) -> tuple[MountUsage, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(
        MountUsage(item["id"], int(_number(item.get("bytes")) or 0), str(item.get("description") or ""))
        for item in _objects(value)
        if isinstance(item.get("id"), str)
    )


def _number(value: object) -> float | None:
    """Return a number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        return None
    return float(value)
