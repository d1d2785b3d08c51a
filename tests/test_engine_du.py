"""What an engine's cache mounts are told to be: ids, exact bytes, times."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.client import docker_command
from bakegen.engine.du import cache_mounts, mount_id, parse_df, parse_du
from tests import lab

NOW = 1_800_000_000.0
ROW = {
    "CreatedAt": "2026-11-23 21:51:57.04202339 +0000 UTC",
    "Description": 'cached mount /m from exec /bin/sh -c true with id "/uv-cp311"',
    "ID": "abc",
    "LastUsedAt": "2 hours ago",
    "Reclaimable": True,
    "Shared": False,
    "Size": "794.6kB",
    "Type": "exec.cachemount",
}


def row(**fields: object) -> bytes:
    return json.dumps({**ROW, **fields}).encode()


def test_a_row_of_buildx_du() -> None:
    (found,) = parse_du(row(), NOW)
    assert (found.id, found.size, found.last_used, found.exact) == ("abc", 794_600, NOW - 7200, False)
    assert found.created == pytest.approx(1_795_470_717.042023)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("12.29kB", 12_290), ("4.8GB", 4_800_000_000), ("1.5GiB", 1_610_612_736), (77, 77), ("?", 0)],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_du(row(Size=text), NOW)[0].size == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Less than a second ago", 0),
        ("1 second ago", 1),
        ("About a minute ago", 60),
        ("About an hour ago", 3600),
        ("47 hours ago", 169_200),
        ("3 weeks ago", 1_814_400),
    ],
)
def test_times_in_words(text: str, seconds: int) -> None:
    assert parse_du(row(LastUsedAt=text), NOW)[0].last_used == NOW - seconds


def test_never_used_and_not_understood_is_no_time() -> None:
    assert [parse_du(row(LastUsedAt=text), NOW)[0].last_used for text in ("", "soon", None)] == [None] * 3


def test_lines_that_are_no_rows_are_passed_over() -> None:
    assert parse_du(b"WARNING: something\n[]\n{}\n" + row() + b"\n", NOW)[0].id == "abc"


def test_the_engines_answer_is_exact() -> None:
    entry = {**ROW, "Size": 794_624, "LastUsedAt": "2026-11-23T22:08:43.585146833Z"}
    found = parse_df(json.dumps({"BuildCache": [entry]}).encode())["abc"]
    assert found.size == 794_624
    assert found.last_used == pytest.approx(1_795_471_723.585146)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"message": "no"}', b'{"BuildCache": null}'])
def test_no_answer_is_no_records(body: bytes) -> None:
    assert parse_df(body) == {}


def test_ids_in_descriptions() -> None:
    made = "cached mount /root/.cache from exec /bin/sh -c "
    assert mount_id(made + 'true with id "/uv"') == "uv"
    assert mount_id(made + 'true with id "//root/.cache"') == "/root/.cache"
    assert mount_id(made + 'echo with id "/not-me" with id "/me"') == "me"
    assert mount_id(made + "true") == "root/.cache"
    assert mount_id("mount / from exec /bin/sh") == ""


@given(st.from_regex(r"[ -~]{1,30}", fullmatch=True), st.text(max_size=60))
def test_any_printable_id_is_found_behind_any_command(name: str, command: str) -> None:
    assert mount_id(f"cached mount /m from exec {command} with id {json.dumps('/' + name)}") == name


@pytest.mark.engine
def test_what_a_build_leaves_in_mounts(
    tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    name, size = f"du-{uuid.uuid4().hex}", 1_234_567
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    write = f": {name}; head -c {size} /dev/urandom > /m/file"  # an id alone would not run a cached step again
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base}\nRUN --mount=type=cache,id={name},target=/m {write}\n"
        f"RUN --mount=type=cache,id={name},target=/m,uid=77 : {name}\n"
    )
    command = [str(engine.docker), "buildx", "build", "--output=type=cacheonly", str(tmp_path)]
    subprocess.run(command, env=docker_env, check=True, capture_output=True)
    found = [mount for mount in cache_mounts(docker_command()) if mount.id == name]
    assert len(found) == 2, "another uid is another mount of the same id"
    large = max(found, key=lambda mount: mount.size)
    assert large.exact
    assert size <= large.size < size + 16_384, "bytes on disk: whole blocks, and the directory"
    assert large.last_used is not None
    assert large.created is not None
    assert large.last_used >= large.created
