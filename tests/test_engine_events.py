"""rawjson lines: what was recorded, and what nobody should have to see."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.events import BuildWarning, Event, Log, Status, Vertex, parse_line

RECORDED = Path(__file__).parent / "fixtures" / "rawjson"


def recorded(name: str) -> list[bytes]:
    return (RECORDED / f"{name}.ndjson").read_bytes().splitlines(keepends=True)


def events(name: str) -> list[Event]:
    parsed = [parse_line(line) for line in recorded(name)]
    return [event for report in parsed if not isinstance(report, str) for event in report]


def line(**report: object) -> bytes:
    return json.dumps(report).encode()


def test_vertex() -> None:
    assert parse_line(
        b'{"vertexes":[{"digest":"sha256:a","inputs":["sha256:b"],"name":"[asr 2/3] RUN make",'
        b'"started":"2026-11-23T20:04:34.985123456Z","completed":"2026-11-23T20:04:35.5Z","cached":true,'
        b'"error":"no","progressGroup":{"id":"g","name":"n"}}]}\n'
    ) == (
        Vertex(
            "sha256:a",
            "[asr 2/3] RUN make",
            ("sha256:b",),
            1795464274.985123,
            1795464275.5,
            cached=True,
            error="no",
            group="g",
        ),
    )


def test_status_log_warning() -> None:
    report = {
        "warnings": [
            {
                "vertex": "v",
                "level": 1,
                "short": b64encode(b"JSONArgsRecommended").decode(),
                "detail": [b64encode(b"why").decode()],
                "url": "https://example.com",
                "sourceInfo": {"filename": "Dockerfile"},
                "range": [{"start": {"line": 3}, "end": {"line": 4}}],
            }
        ],
        "logs": [{"vertex": "v", "stream": 2, "data": "aGk=", "timestamp": "2026-11-23T00:00:00Z"}],
        "statuses": [
            {"id": "layer", "vertex": "v", "name": "n", "current": 5, "total": 9, "timestamp": "0001-01-01T00:00:00Z"}
        ],
    }
    assert parse_line(line(**report)) == (
        Status("v", "layer", "n", 5, 9),
        Log("v", b"hi", 2, 1795392000.0),
        BuildWarning("v", "JSONArgsRecommended", ("why",), 1, "https://example.com", "Dockerfile", 3),
    )


def test_text_is_returned_as_it_stands() -> None:
    assert parse_line(b"ERROR: target a: failed to solve: x\r\n") == "ERROR: target a: failed to solve: x"
    assert parse_line(b"{not json\n") == "{not json"
    assert parse_line(b'{"vertexes": [\n') == '{"vertexes": ['
    assert parse_line(b"\xff\xfe\n") == "��"
    assert parse_line(b"") == ""


def test_empty_report() -> None:
    assert parse_line(b"{}\n") == ()


@pytest.mark.parametrize(
    ("report", "event"),
    [
        ({"vertexes": [{"digest": "d"}]}, Vertex("d")),
        ({"vertexes": [{"digest": 3, "inputs": "x", "started": 4, "completed": "soon"}]}, Vertex("")),
        ({"logs": [{"vertex": "v", "data": "not base64!"}]}, Log("v", b"not base64!")),
        ({"logs": [{"vertex": "v"}]}, Log("v", b"")),
        ({"statuses": [{"vertex": "v", "id": "i", "current": "x", "total": None}]}, Status("v", "i")),
        ({"warnings": [{"vertex": "v", "short": "/w==", "range": [{"end": {}}]}]}, BuildWarning("v", "�")),
    ],
)
def test_damaged_fields_count_as_missing(report: dict[str, object], event: Event) -> None:
    assert parse_line(line(**report)) == (event,)


def test_damaged_lists_count_as_empty() -> None:
    assert parse_line(line(vertexes=None, statuses={"a": 1}, logs=["x", 3], warnings="w")) == ()


def test_huge_line() -> None:
    data = b"x" * 5_000_000
    assert parse_line(line(logs=[{"vertex": "v", "data": b64encode(data).decode()}])) == (Log("v", data),)


def test_deep_nesting_is_text() -> None:
    assert isinstance(parse_line(b'{"vertexes":' + b"[" * 100_000), str)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    parse_line(data)


@given(
    st.dictionaries(
        st.sampled_from(["vertexes", "statuses", "logs", "warnings"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_any_json(report: dict[str, object]) -> None:
    assert isinstance(parse_line(line(**report)), tuple)


def test_cancelled_is_not_failed() -> None:
    stopped = 'process "/bin/sh -c sleep 9" did not complete successfully: exit code: 137: context canceled'
    broke = 'process "/bin/sh -c echo context canceled" did not complete successfully: exit code: 1'
    assert Vertex("d", error=stopped).cancelled
    assert Vertex("d", error="rpc error: code = Canceled desc = context canceled").cancelled
    assert not Vertex("d", error=broke).cancelled
    assert not Vertex("d").cancelled


@pytest.mark.parametrize(
    ("name", "texts"), [("family", 0), ("cached", 0), ("single", 0), ("failure", 8), ("cancelled", 1), ("warning", 0)]
)
def test_recorded_lines_are_progress_but_for_the_tail(name: str, texts: int) -> None:
    parsed = [parse_line(raw) for raw in recorded(name)]
    assert [isinstance(report, str) for report in parsed].count(True) == texts
    assert all(isinstance(report, str) for report in parsed[len(parsed) - texts :])


def test_recorded_warning() -> None:
    (warning,) = {event for event in events("warning") if isinstance(event, BuildWarning)}
    assert warning.short.startswith("ConsistentInstructionCasing: ")
    assert (warning.path, warning.line) == ("Dockerfile", 1)


def test_recorded_failure() -> None:
    errors = {event.name: event.error for event in events("failure") if isinstance(event, Vertex) and event.error}
    (broken,) = [error for name, error in errors.items() if "broken" in name]
    assert broken.endswith("exit code: 7")
    (slow,) = [event for event in events("failure") if isinstance(event, Vertex) and event.cancelled]
    assert slow.name.startswith("[slow 1/2] RUN")
