"""What BuildKit reports while it builds: one line of ``--progress=rawjson`` in, typed events out.

A line is one SolveStatus (moby/buildkit, client/graph.go), a JSON object with any of ``vertexes``, ``statuses``,
``logs`` and ``warnings``. A failing build appends lines that are no JSON: the place in the Dockerfile and an ``ERROR:``.
BuildKit may repeat a vertex, start and complete it several times, and leave out any field; nothing here raises.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vertex:
    """A step as BuildKit schedules it. ``started`` and ``completed`` are seconds since the epoch, by the engine's clock.

    ``digest`` is the step's identity: targets that share a step name the same digest. ``cached`` can be relied on for
    RUN and COPY, not for FROM. ``error`` is set on the step that failed, and ends in "context canceled" on those that
    were only stopped because another one failed, or by Ctrl-C.
    """

    digest: str
    name: str = ""
    inputs: tuple[str, ...] = ()
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""
    group: str = ""

    @property
    def cancelled(self) -> bool:
        """Return whether the step was stopped rather than failed."""
        return is_cancellation(self.error)


@dataclass(frozen=True, slots=True)
class Status:
    """A part of a step that is under way, such as a layer on its way down; ``current`` and ``total`` are often bytes."""

    vertex: str
    id: str
    name: str = ""
    current: int = 0
    total: int = 0
    timestamp: float | None = None
    started: float | None = None
    completed: float | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """A piece of what a step printed, as it came: it may end inside a line, or inside a character."""

    vertex: str
    data: bytes
    stream: int = 1
    timestamp: float | None = None


@dataclass(frozen=True, slots=True)
class BuildWarning:
    """A remark of the Dockerfile frontend, such as a failed build check; ``path`` and ``line`` say where (0: unknown)."""

    vertex: str
    short: str
    detail: tuple[str, ...] = ()
    level: int = 0
    url: str = ""
    path: str = ""
    line: int = 0


Event: TypeAlias = Vertex | Status | Log | BuildWarning


def parse_line(line: bytes) -> tuple[Event, ...] | str:
    """Return the events of one line, or its text when it is no progress report.

    Within a line the vertexes come first, then statuses, logs and warnings, so that a log never precedes its step.
    """
    if line.rstrip() == b"{}":  # four of five lines of a build: BuildKit tells that there is nothing to tell
        return ()
    if not line.lstrip().startswith(b"{"):
        return line.decode(errors="replace").rstrip("\r\n")
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return line.decode(errors="replace").rstrip("\r\n")
    return (
        *(_vertex(item) for item in _items(report, "vertexes")),
        *(_status(item) for item in _items(report, "statuses")),
        *(_log(item) for item in _items(report, "logs")),
        *(_warning(item) for item in _items(report, "warnings")),
    )


def is_cancellation(error: str) -> bool:
    """Return whether an error text only says that something else stopped the step.

    The end decides: the text starts with the step's own command, which may say anything.
    """
    return error.rstrip().endswith("context canceled")


def _items(report: Json, key: str) -> list[Json]:
    """Return the objects under ``key``; what is missing or of another type counts as none."""
    items = report.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _vertex(item: Json) -> Vertex:
    inputs = item.get("inputs")
    group = item.get("progressGroup")
    return Vertex(
        digest=_text(item.get("digest")),
        name=_text(item.get("name")),
        inputs=tuple(_text(digest) for digest in inputs) if isinstance(inputs, list) else (),
        started=_time(item.get("started")),
        completed=_time(item.get("completed")),
        cached=item.get("cached") is True,
        error=_text(item.get("error")),
        group=_text(group.get("id")) if isinstance(group, dict) else "",
    )


def _status(item: Json) -> Status:
    return Status(
        vertex=_text(item.get("vertex")),
        id=_text(item.get("id")),
        name=_text(item.get("name")),
        current=_number(item.get("current")),
        total=_number(item.get("total")),
        timestamp=_time(item.get("timestamp")),
        started=_time(item.get("started")),
        completed=_time(item.get("completed")),
    )


def _log(item: Json) -> Log:
    return Log(
        vertex=_text(item.get("vertex")),
        data=_bytes(item.get("data")),
        stream=_number(item.get("stream")) or 1,
        timestamp=_time(item.get("timestamp")),
    )


def _warning(item: Json) -> BuildWarning:
    source = item.get("sourceInfo")
    detail = item.get("detail")
    return BuildWarning(
        vertex=_text(item.get("vertex")),
        short=_bytes(item.get("short")).decode(errors="replace"),
        detail=tuple(_bytes(text).decode(errors="replace") for text in detail) if isinstance(detail, list) else (),
        level=_number(item.get("level")),
        url=_text(item.get("url")),
        path=_text(source.get("filename")) if isinstance(source, dict) else "",
        line=_first_line(item.get("range")),
    )


def _first_line(ranges: object) -> int:
    """Return the line on which the first range starts; 0 when there is none (pb.Range in solver/pb/ops.proto)."""
    match ranges:
        case [{"start": {"line": int(line)}}, *_]:
            return line
    return 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _bytes(value: object) -> bytes:
    """Return base64 text decoded; text that is no base64 stands for itself rather than being lost."""
    text = _text(value)
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _time(value: object) -> float | None:
    """Return RFC 3339 text as seconds since the epoch; None for Go's zero time and for what is no time."""
    if not isinstance(value, str):
        return None
    try:
        seconds = datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds if seconds > 0 else None
