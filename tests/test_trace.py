"""Streams of events, folded into steps: every way in which BuildKit tells one thing several times, or several as one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakegen.trace.commands import caches_of
from bakegen.trace.fold import trace
from bakegen.trace.model import CacheUse, Step, Trace
from bakegen.trace.path import critical_path, efficiency, kinds

RECORDED = Path(__file__).parent / "fixtures" / "rawjson"


def at(second: float | None) -> str | None:
    """Return a time as BuildKit writes it, to the microsecond."""
    if second is None:
        return None
    whole, rest = divmod(round(second * 1_000_000), 1_000_000)
    minutes, seconds = divmod(whole, 60)
    return f"2023-11-14T22:{minutes:02}:{seconds:02}.{rest:06}Z"


def vertex(digest: str, name: str, started: float | None = None, completed: float | None = None, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return the line that reports one vertex."""
    fields = {"digest": digest, "name": name, "started": at(started), "completed": at(completed), **more}
    return json.dumps({"vertexes": [{key: value for key, value in fields.items() if value is not None}]}).encode()


def ran(digest: str, name: str, started: float, completed: float, **more: Any) -> list[bytes]:  # noqa: ANN401 - JSON
    """Return what BuildKit says of a step that runs: that it is there, that it starts, that it ends."""
    return [
        vertex(digest, name, **more),
        vertex(digest, name, started, **more),
        vertex(digest, name, started, completed, **more),
    ]


def printed(digest: str, text: str) -> bytes:
    log = {"vertex": digest, "stream": 1, "data": base64.b64encode(text.encode()).decode(), "timestamp": at(1)}
    return json.dumps({"logs": [log]}).encode()


def mark(*solved: str, bake: str = "1", parents: dict[str, list[str]] | None = None) -> bytes:
    links = {"parents": parents} if parents is not None else {}
    return json.dumps({"bakegen": {"bake": bake, "targets": solved, "solved": solved, **links}}).encode()


def step(found: Trace, title: str) -> Step:
    (only,) = (step for step in found.steps if step.title.startswith(title))
    return only


def test_shared_step_is_one_step_of_both_images() -> None:
    lines = [
        mark("a", "b", parents={"a": [], "b": []}),
        *ran("d1", "[a uv 1/2] RUN pip download uv", 1, 3),
        *ran("d1", "[b uv 1/2] RUN pip download uv", 1.5, 3.2),
        printed("d1", "got it\nand"),
    ]
    (only,) = trace(lines).steps
    assert (only.images, only.executed) == (("a", "b"), True)
    assert only.seconds == pytest.approx(2.2)
    assert (only.stage, only.number, only.count, only.kind) == ("uv", 1, 2, "python")
    assert only.log == ("got it", "and")
    assert trace(lines).charged_to("a") == (only,)
    assert trace(lines).charged_to("b") == ()


def test_inherited_step_is_the_parents() -> None:
    parents: dict[str, list[str]] = {"base": [], "asr": ["mid"], "mid": ["base"]}
    lines = [
        mark("asr", "mid", "base", parents=parents),
        *(line for name in parents for line in ran("d1", f"[{name} 1/1] RUN make base", 1, 2)),
        *ran("d2", "[asr 1/1] RUN make", 3, 4, inputs=["d1"]),
    ]
    found = trace(lines)
    assert found.images == ("base", "mid", "asr")
    assert [item.images for item in found.steps] == [("base",), ("asr",)]
    assert found.steps[1].inputs == (found.steps[0].key,)


def test_who_stands_on_whom_is_told_from_the_steps_when_the_record_does_not_say() -> None:
    lines = [
        *ran("d1", "[base 1/1] RUN make", 1, 2),
        *ran("d1", "[asr 1/1] RUN make", 1, 2),
        *ran("d2", "[asr 1/1] RUN make", 3, 4),
    ]
    found = trace(lines)
    assert found.images == ("base", "asr")
    assert [item.images for item in found.steps] == [("base",), ("asr",)]


def test_parent_and_child_may_have_steps_of_one_name() -> None:
    """Their digests are what tells them apart: merged by name, the child's RUN would vanish."""
    lines = [
        mark("base", "asr", parents={"base": [], "asr": ["base"]}),
        *ran("d1", "[base 1/2] RUN pip install -r r.txt", 1, 2),
        *ran("d1", "[asr 1/2] RUN pip install -r r.txt", 1, 2),
        *ran("d2", "[asr 1/2] RUN pip install -r r.txt", 3, 5, inputs=["d1"]),
    ]
    assert [(item.images, item.seconds) for item in trace(lines).steps] == [(("base",), 1.0), (("asr",), 2.0)]


def test_step_that_is_executed_and_then_found_cached_ran_once() -> None:
    parents: dict[str, list[str]] = {"a": [], "b": []}
    lines = [
        mark("a", "b", bake="1-first", parents=parents),
        *ran("d1", "[a 1/1] RUN make", 1, 6),
        mark("a", "b", parents=parents),
        *ran("d2", "[a 1/1] RUN make", 8, 8, cached=True),
        *ran("d3", "[a] exporting to image", 8, 9),
    ]
    found = trace(lines)
    make = step(found, "RUN make")
    assert (make.cached, make.executed, make.seconds, len(make.digests)) == (False, True, 5.0, 2)
    assert step(found, "exporting").inputs == (make.key,)


def test_sole_target_has_no_prefix() -> None:
    lines = [mark("asr"), *ran("d0", "[internal] load local bake definitions", 0, 0.1)]
    lines += [
        *ran("d1", "[internal] load build definition from Dockerfile", 1, 2),
        *ran("d2", "[build 2/3] RUN x", 2, 3),
    ]
    found = trace(lines)
    assert [(item.images, item.kind, item.stage, item.number) for item in found.steps] == [
        ((), "internal", "", 0),
        (("asr",), "internal", "", 0),
        (("asr",), "other", "build", 2),
    ]


def test_sole_target_of_a_record_without_marks() -> None:
    found = trace((RECORDED / "single.ndjson").read_bytes().splitlines())
    assert found.images == ()
    assert {item.images for item in found.steps} == {()}
    assert [item.title for item in found.steps if item.counted]


def test_platforms_are_steps_of_their_own() -> None:
    lines = [mark("a"), *ran("d1", "[linux/amd64 1/2] RUN x", 1, 2), *ran("d2", "[linux/arm64 1/2] RUN x", 1, 4)]
    assert [(item.platform, item.seconds) for item in trace(lines).steps] == [
        ("linux/amd64", 1.0),
        ("linux/arm64", 3.0),
    ]


def test_link_copy_counts_once() -> None:
    lines = [
        mark("a"),
        *ran("d1", "[2/2] COPY --link x /x", 1, 1.1),
        *ran("d2", "[2/2] LINK COPY --link x /x", 2, 2.1, inputs=["d1"]),
    ]
    found = trace(lines)
    assert [item.counted for item in found.steps] == [True, False]
    assert {item.kind for item in found.steps} == {"copy"}


def test_intervals_are_added_up_and_reports_repeated() -> None:
    lines = [
        mark("a"),
        *ran("d1", "[1/1] RUN x", 1, 2),
        *ran("d1", "[1/1] RUN x", 4, 7),
        *ran("d1", "[1/1] RUN x", 1, 2),
    ]
    (only,) = trace(lines).steps
    assert (only.seconds, len(only.intervals)) == (4.0, 2)


def test_failure_its_siblings_and_the_text_behind_it() -> None:
    lines = [
        mark("a", "b", parents={}),
        vertex("d1", "[a 1/1] RUN false", 1),
        vertex("d2", "[b 1/1] RUN sleep 9", 1),
        vertex("d3", "[b 1/2] RUN never"),
        vertex("d1", "[a 1/1] RUN false", 1, 3, error='process "false" did not complete: exit code: 1'),
        vertex("d2", "[b 1/1] RUN sleep 9", 1, 3.5, error="sleep: context canceled"),
        b"Dockerfile:2\n",
        b"ERROR: target a: failed to solve\n",
    ]
    found = trace(lines)
    failed, stopped, never = found.steps
    assert (failed.failed, failed.cancelled, failed.executed) == (True, False, False)
    assert (stopped.failed, stopped.cancelled, stopped.seconds) == (False, True, 2.5)
    assert (never.began, never.executed, never.cached) == (None, False, False)
    assert found.errors == {failed.key: 'process "false" did not complete: exit code: 1'}
    assert found.seconds == 2.5


def test_record_that_breaks_off() -> None:
    """A step of which nothing more was heard ran until the record's last sign of life."""
    lines = [mark("a"), vertex("d1", "[1/2] RUN x", 1), *ran("d2", "[other 1/1] RUN y", 2, 5), b'{"vertexes":[{"dig']
    found = trace(lines)
    assert [(item.seconds, item.cancelled) for item in found.steps] == [(4.0, True), (3.0, False)]


def test_target_that_is_done_stops_following_a_shared_step() -> None:
    """BuildKit calls that cancelled, or says nothing; others saw the step end."""
    name = "1/1] LINK COPY --link x /x"
    lines = [
        mark("base", "a", "b", parents={"base": [], "a": ["base"], "b": ["base"]}),
        vertex("d1", f"[base {name}", 1),
        vertex("d1", f"[a {name}", 1.1),
        vertex("d1", f"[b {name}", 1.2),
        vertex("d1", f"[b {name}", 1.2, 2),
        vertex("d1", f"[base {name}", 1, 90, error="context canceled"),
    ]
    (only,) = trace(lines).steps
    assert not only.cancelled
    assert only.seconds == pytest.approx(0.8)


def test_step_of_another_build_on_the_engine() -> None:
    """A base that somebody else's build has already loaded comes with the times of that build."""
    lines = [
        mark("a"),
        *ran("d1", "[internal] load build definition from Dockerfile", 100, 101),
        *ran("d2", "[1/2] FROM docker.io/library/python:3.11", 1, 2),
        *ran("d3", "[2/2] RUN x", 90, 103, inputs=["d2"]),
    ]
    found = trace(lines)
    assert (found.seconds, step(found, "RUN x").seconds, step(found, "FROM").seconds) == (3.0, 3.0, 0.0)


def test_what_was_moved() -> None:
    def status(digest: str, part: str, current: int) -> bytes:
        return json.dumps({"statuses": [{"vertex": digest, "id": part, "current": current, "total": 0}]}).encode()

    lines = [
        mark("a"),
        *ran("d1", "[internal] load build context", 1, 2),
        *(status("d1", "transferring context:", count) for count in (10, 300, 200)),
        *ran("d2", "[1/2] FROM docker.io/library/python:3.11", 1, 2),
        status("d2", "sha256:aa", 500),
        status("d2", "sha256:bb", 7),
        status("d2", "extracting sha256:aa", 900),
    ]
    assert [(item.kind, item.moved) for item in trace(lines).steps] == [("context", 300), ("base", 507)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("RUN apt-get update && apt-get install -y git", "apt"),
        ("RUN --mount=type=cache,target=/var/cache/apt rm -f /etc/apt/x; DEBIAN_FRONTEND=x apt-get install git", "apt"),
        ("RUN <<EOF (apt-get update...)", "apt"),
        ("RUN uv pip install torch", "python"),
        ("RUN python3.11 -m pip install --no-cache-dir torch", "python"),
        ("RUN python -m build", "other"),
        ('RUN ["pip", "install", "torch"]', "python"),
        ('RUN ["/bin/sh", "-c", "conda install x"]', "python"),
        ("RUN apt-get install -y python3-pip && /opt/venv/bin/pip install torch", "python"),
        ("RUN if true; then sudo -E poetry install; fi", "python"),
        ("RUN make apt pip", "other"),
        ("RUN rm -rf /root/.cache/pip", "other"),
        ("COPY a /b", "copy"),
        ("ADD https://example.com/a /b", "copy"),
        ("WORKDIR /app", "copy"),
        ("LINK COPY --link a /b", "copy"),
        ("FROM docker.io/library/python:3.11", "base"),
    ],
)
def test_kinds_of_instructions(text: str, kind: str) -> None:
    assert step(trace([mark("a"), *ran("d", f"[stage-1 2/3] {text}", 1, 2)]), text).kind == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("[internal] load metadata for docker.io/library/python:3.11", "internal"),
        ("[internal] load build context", "context"),
        ("[context base:1] registry.example.com/base@sha256:00", "base"),
        ("[context base:1] load metadata for registry.example.com/base", "internal"),
        ("[context src] load from client", "context"),
        ("exporting to image", "export"),
        ("exporting cache to registry", "export"),
        ("resolving provenance for metadata file", "internal"),
        ("https://example.com/model.bin", "context"),
    ],
)
def test_kinds_of_the_rest(name: str, kind: str) -> None:
    (only,) = trace([mark("a"), *ran("d", name, 1, 2)]).steps
    assert (only.kind, only.counted) == (kind, False)


def test_cache_mounts() -> None:
    text = (
        "RUN --mount=type=bind,source=r.txt,target=/r.txt --mount=type=cache,id=apt-amd64,target=/var/cache/apt,sharing=LOCKED "
        '--network=none --mount=type=cache,dst=/root/.cache/pip/ --mount="type=cache,uid=1000,gid=7,mode=0755,\\"target=/a,b\\"" '
        "--mount=type=cache echo --mount=type=cache,target=/no"
    )
    assert caches_of(text)[:2] == (
        CacheUse("/var/cache/apt", "apt-amd64", "locked"),
        CacheUse("/root/.cache/pip/", "/root/.cache/pip"),
    )
    assert caches_of("RUN --mount='type=cache,target=/c,uid=1000,gid=7,mode=0755' x") == (
        CacheUse("/c", "/c", "shared", 1000, 7, "0755"),
    )
    assert caches_of("COPY --mount=type=cache,target=/x /a /b") == ()


def test_critical_path_names_what_was_waited_for() -> None:
    lines = [
        mark("base", "a", "b", parents={"base": [], "a": ["base"], "b": ["base"]}),
        *ran("d1", "[base 1/1] RUN base", 1, 4),
        *ran("d2", "[a 1/1] RUN a", 4, 6, inputs=["d1", "d9"]),
        *ran("d3", "[b 1/1] RUN b", 6.5, 9, inputs=["d1"]),
        *ran("d4", "[b] exporting to image", 9, 10),
    ]
    found = trace(lines)
    path = critical_path(found)
    assert [(link.step.title, link.waited, link.seconds) for link in path] == [
        ("RUN base", 0.0, 3.0),
        ("RUN b", 2.5, 2.5),
        ("exporting to image", 0.0, 1.0),
    ]
    assert efficiency(found, 2) == pytest.approx(8.5 / 9 / 2)
    assert kinds(found) == {"other": 7.5, "export": 1.0}


def test_what_a_later_bake_exports_waited_for_the_earlier_one() -> None:
    """Its inputs were done long before; what held it up is what the first bake was still busy with."""
    lines = [
        mark("a", "b", "c", bake="1-first", parents={"a": [], "b": ["a"], "c": ["a"]}),
        *ran("d1", "[a 1/1] RUN a", 1, 2),
        *ran("d2", "[b 1/1] RUN b", 2, 3, inputs=["d1"]),
        *ran("d3", "[c 1/1] RUN c", 2, 4, inputs=["d1"]),
        *ran("d4", "[c] exporting to image", 4, 9),
        mark("b", "a", parents={"a": [], "b": ["a"]}),
        *ran("d5", "[internal] load local bake definitions", 9.5, 9.5),
        *ran("d6", "[b] exporting to image", 10, 12),
    ]
    path = critical_path(trace(lines))
    assert [(link.step.title, link.step.images, link.waited) for link in path] == [
        ("RUN a", ("a",), 0.0),
        ("RUN c", ("c",), 0.0),
        ("exporting to image", ("c",), 0.0),
        ("exporting to image", ("b",), 1.0),
    ]


def test_critical_path_crosses_bakes() -> None:
    """A second bake cannot start before the first has ended, though no input says so."""
    lines = [
        mark("a", "b", bake="1-first", parents={}),
        *ran("d1", "[a 1/1] RUN a", 1, 4),
        *ran("d2", "[a] exporting to image", 4, 9),
        mark("a", "b", parents={}),
        *ran("d3", "[internal] load local bake definitions", 10, 10.5),
        *ran("d4", "[b 1/1] RUN b", 11, 12),
    ]
    path = critical_path(trace(lines))
    assert [link.step.title for link in path] == [
        "RUN a",
        "exporting to image",
        "load local bake definitions",
        "RUN b",
    ]
    assert sum(link.waited + link.seconds for link in path) == pytest.approx(11.0)


def test_nothing() -> None:
    for lines in ([], [b""], [b"ERROR: no such file"], [mark("a")]):
        found = trace(lines)
        assert (found.steps, found.seconds, critical_path(found), kinds(found)) == ((), 0.0, (), {})
        assert efficiency(found, 2) == 0.0


def sums(found: Trace) -> Trace:
    """Return a trace without what depends on the order of its lines: what the steps printed."""
    return replace(found, steps=tuple(replace(item, log=()) for item in found.steps))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_order_and_repetition_make_no_difference(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["family", "failure", "cached", "cancelled", "warning"]))
    lines = (RECORDED / f"{name}.ndjson").read_bytes().splitlines()
    again = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines)))
    assert sums(trace(data.draw(st.permutations([*lines, *again])))) == sums(trace(lines))


names = st.one_of(
    st.text(max_size=40),
    st.builds("[{} {}/{}] {}".format, st.text(max_size=5), st.integers(0, 3), st.integers(0, 3), st.text(max_size=30)),
    st.builds("[a 1/1] RUN {}".format, st.text(st.sampled_from("-mount=typecache,\"' &;()[]{}\\"), max_size=40)),
)
times = st.one_of(st.none(), st.text(max_size=4), st.integers(), st.floats(0, 59).map(at))
digests = st.sampled_from(["d1", "d2", "d3", "", None])
vertexes = st.fixed_dictionaries(
    {},
    optional={
        "digest": digests,
        "name": names,
        "inputs": st.one_of(st.none(), st.lists(digests)),
        "started": times,
        "completed": times,
        "cached": st.booleans(),
        "error": st.sampled_from(["", "exit code: 1", "x: context canceled"]),
    },
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["solved", "parents", "a", "id"]), inner)
    ),
    max_leaves=8,
)
junk: st.SearchStrategy[Iterable[bytes]] = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=20).map(b'{"bakegen"'.__add__),
        anything.map(lambda value: json.dumps({"bakegen": value}).encode()),
        st.lists(vertexes, max_size=4).map(lambda items: json.dumps({"vertexes": items}).encode()),
        anything.map(lambda value: json.dumps({"statuses": value, "logs": value}).encode()),
    ),
    max_size=12,
)


@given(junk)
@settings(deadline=None)
def test_whatever_the_bytes(lines: Iterable[bytes]) -> None:
    found = trace(lines)
    path = critical_path(found)
    assert sum(link.seconds + link.waited for link in path) == pytest.approx(found.seconds, abs=1e-3)
    assert all(link.waited >= 0 and link.seconds >= 0 for link in path)
    keys = {item.key for item in found.steps}
    assert len(keys) == len(found.steps)
    for item in found.steps:
        assert set(item.inputs) <= keys - {item.key}
        assert all(end >= start for start, end in item.intervals)
        assert all(one[1] < two[0] for one, two in zip(item.intervals, item.intervals[1:], strict=False))
