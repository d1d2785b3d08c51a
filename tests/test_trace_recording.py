"""A recorded build of 15 images: what the trace says of it, against figures worked out from the JSON in another way."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bakegen.trace.fold import trace
from bakegen.trace.model import Trace
from bakegen.trace.path import critical_path, kinds

DATA = Path(__file__).parent / "data"
COUNTED = re.compile(r"\[(\S+) (?:\S+ )?[1-9]\d*/\d+\] (?!LINK |FROM )(.*)", re.DOTALL)


def lines(name: str) -> list[bytes]:
    return gzip.decompress((DATA / f"{name}.ndjson.gz").read_bytes()).splitlines(keepends=True)


def reports(name: str) -> Iterator[dict[str, Any]]:
    """Yield every report on a vertex, as it stands there."""
    for line in lines(name):
        if line.startswith(b"{"):
            yield from json.loads(line).get("vertexes") or ()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture(scope="module")
def found() -> Trace:
    return trace(lines("build-15"))


@pytest.fixture(scope="module")
def runs() -> dict[str, list[tuple[float, float]]]:
    """Return the intervals of every digest that ended well."""
    ended = defaultdict(list)
    for report in reports("build-15"):
        if "completed" in report and not report.get("error"):
            ended[report["digest"]].append((seconds(report["started"]), seconds(report["completed"])))
    return ended


def covered(intervals: list[tuple[float, float]]) -> float:
    """Return the seconds in which at least one interval is open, by sweeping over all moments at which that may change."""
    moments = sorted({moment for interval in intervals for moment in interval})
    return sum(
        two - one for one, two in pairwise(moments) if any(start <= one and two <= end for start, end in intervals)
    )


def test_images(found: Trace) -> None:
    assert len(found.images) == 15
    assert found.images[:3] == ("base", "base-cuda", "base-ml")
    assert not found.errors


def test_seconds_of_every_step(found: Trace, runs: dict[str, list[tuple[float, float]]]) -> None:
    """In one bake a step of a Dockerfile has one digest."""
    counted = [step for step in found.steps if step.counted]
    assert len(counted) == 37
    for step in counted:
        (digest,) = step.digests
        assert step.seconds == pytest.approx(covered(runs[digest]), abs=1e-5)
    assert sum(step.seconds for step in counted) > 200
    of_kind = sum(covered(runs[digest]) for step in counted if step.kind == "python" for digest in step.digests)
    assert kinds(found)["python"] == pytest.approx(of_kind, abs=1e-3)


def test_cached_and_executed(found: Trace) -> None:
    """A step was cached when no report of its end says otherwise, whoever reports it."""
    named: dict[str, set[tuple[str, str]]] = defaultdict(set)
    fresh = set()
    for report in reports("build-15"):
        if match := COUNTED.match(report["name"]):
            named[report["digest"]].add((match[1], match[2]))
            if "completed" in report and not report.get("cached") and not report.get("error"):
                fresh.add(report["digest"])
    assert {digest for step in found.steps if step.counted for digest in step.digests} == named.keys()
    assert {digest for step in found.steps if step.counted and step.executed for digest in step.digests} == fresh
    assert sum(step.cached for step in found.steps if step.counted) == len(named.keys() - fresh) == 16


def test_steps_of_every_image(found: Trace) -> None:
    """A Dockerfile's own steps are those of its image that its parent's image does not have."""
    parents = json.loads(lines("build-15")[0])["bakegen"]["parents"]
    has = defaultdict(set)
    for report in reports("build-15"):
        if match := COUNTED.match(report["name"]):
            has[match[1]].add(report["digest"])
    for image in found.images:
        own = has[image].difference(*(has[parent] for parent in parents[image]))
        assert {digest for step in found.of(image) if step.counted for digest in step.digests} == own
    charged = [step.key for image in found.images for step in found.charged_to(image)]
    assert sorted(charged) == sorted(step.key for step in found.steps if step.images)


def test_critical_path(found: Trace, runs: dict[str, list[tuple[float, float]]]) -> None:
    """Of all chains of inputs that lead to the step that ended last, it is the one that was done latest, link by link."""
    inputs: dict[str, list[str]] = defaultdict(list)
    inputs |= {report["digest"]: report["inputs"] for report in reports("build-15") if report.get("inputs")}

    @cache
    def latest(digest: str, start: float) -> tuple[tuple[float, float, str], ...]:
        """Return the chain to a digest that starts then, its end first: of all chains, the one that is last to end."""
        return max(
            (
                ((min(end, start), end - began, ahead), *latest(ahead, began))
                for ahead in inputs[digest]
                for began, end in runs[ahead]
                if began < start
            ),
            default=(),
        )

    last, start = max(
        ((digest, start) for digest in runs for start, _ in runs[digest]),
        key=lambda run: max(end for began, end in runs[run[0]] if began == run[1]),
    )
    chain = [digest for _, _, digest in reversed(latest(last, start))] + [last]
    long = {digest: step.key for step in found.steps for digest in step.digests if step.seconds > 0.5}
    path = critical_path(found)
    on_path = [link for link in path if link.step.kind not in {"internal", "context"}]
    assert [long[digest] for digest in dict.fromkeys(chain) if digest in long] == [
        link.step.key for link in on_path if link.step.seconds > 0.5
    ]
    assert on_path[-1].step.images == ("pyannote-vad",)
    assert [link.step.images[0] for link in on_path if link.seconds > 5] == [
        *("base-cuda", "base-cuda", "base-ml", "base-ml", "pyannote-vad")
    ]
    assert sum(link.seconds + link.waited for link in path) == pytest.approx(found.seconds)


def test_second_run_of_evicted_steps() -> None:
    """The steps that ran in both bakes are one each, in two stretches; the exports that broke are failures."""
    found = trace(lines("build-15-full-disk"))
    executed = [step for step in found.steps if step.counted and step.executed and step.kind in {"apt", "python"}]
    assert len(executed) == 18
    (bakes,) = (step.intervals for step in found.steps if step.title == "load local bake definitions")
    assert len(bakes) == 2
    assert all(step.intervals[0][0] < bakes[1][0] < step.intervals[-1][0] for step in executed)
    assert {step.title for step in found.steps if step.failed} == {"exporting to image"}
    assert len(found.errors) == 6
    assert all("no space left on device" in error for error in found.errors.values())
    assert sum(link.seconds + link.waited for link in critical_path(found)) == pytest.approx(found.seconds)
