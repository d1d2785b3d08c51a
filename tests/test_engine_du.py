"""What `buildx du` prints, read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.client import docker_command
from bakegen.engine.du import CacheMountUsage, cache_mounts, parse_usage
from tests import lab


def line(**changes: object) -> bytes:
    record = {
        "ID": "9pvn",
        "Type": "exec.cachemount",
        "CreatedAt": "2026-11-23 21:51:57.04202339 +0000 UTC",
        "LastUsedAt": "2 hours ago",
        "Description": 'cached mount /c from exec /bin/sh -c echo with id "x" with id "/pip-cache-asr"',
        "Size": "794.6kB",
        "Reclaimable": True,
    }
    return json.dumps({**record, **changes}).encode() + b"\n"


def only(**changes: object) -> CacheMountUsage:
    (usage,) = parse_usage(line(**changes))
    return usage


def test_fields() -> None:
    usage = only()
    assert (usage.id, usage.size, usage.last_used, usage.record) == ("pip-cache-asr", 794_600, "2 hours ago", "9pvn")
    assert usage.known


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("4.096kB", 4096), ("5.59GB", 5_590_000_000), ("1e+03MB", 10**9), ("12B", 12), ("", 0), ("?", 0)],
)
def test_sizes(text: str, size: int) -> None:
    assert only(Size=text).size == size


def test_ids() -> None:
    assert only(Description='cached mount /c from x with id "//root/.cache"').id == "/root/.cache"
    assert only(Description=r'cached mount /c from x with id "/a\"b"').id == 'a"b'
    assert only(Description="cached mount").id == ""


def test_size_that_is_not_known() -> None:
    assert not only(Size="0B").known
    assert not only(Reclaimable=False).known


def test_other_records_and_lines() -> None:
    assert not list(parse_usage(line(Type="regular") + b"oops\n[]\n\n"))


@given(
    st.lists(
        st.binary(max_size=30)
        | st.dictionaries(st.sampled_from(["Type", "Size", "ID"]), st.text()).map(lambda changes: line(**changes))
    )
)
def test_whatever_the_bytes(lines: list[bytes]) -> None:
    for usage in parse_usage(b"\n".join(lines)):
        assert usage.size >= 0


@pytest.mark.engine
def test_real_engine(engine: lab.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mount that the engine lists has an id and a size that can be read."""
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    for usage in cache_mounts(docker_command()):
        assert usage.id
        assert usage.record
        assert usage.created
        assert usage.known or usage.size == 0 or usage.in_use
