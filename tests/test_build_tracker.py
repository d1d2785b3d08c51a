"""Recorded builds, folded into how each image stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakegen.build.amounts import Amounts, size
from bakegen.build.model import ImageState, Outcome
from bakegen.build.tracker import Tracker
from bakegen.engine.events import BuildWarning, Status, Vertex, parse_line

RECORDED = Path(__file__).parent / "fixtures" / "rawjson"
BASE = frozenset({"base"})


def tracker(*selected: str, order: tuple[str, ...] = (), exports: bool = True) -> Tracker:
    names = order or selected
    ancestors = {name: BASE if name != "base" else frozenset[str]() for name in names}
    made = Tracker(names, ancestors, selected, selected if exports else ())
    made.begin(names)
    return made


def replay(made: Tracker, name: str, outcome: Outcome | None = None) -> dict[str, ImageState]:
    for number, line in enumerate((RECORDED / f"{name}.ndjson").read_bytes().splitlines()):
        for event in report if not isinstance(report := parse_line(line), str) else ():
            made.feed(event, float(number))
    states = {image.name: image for image in made.snapshot(0.0).images}
    if outcome:
        made.end(states, outcome)
        states = {image.name: image for image in made.snapshot(0.0).images}
    return states


def brief(states: dict[str, ImageState]) -> dict[str, tuple[str, int, int]]:
    return {name: (state.status, state.cached, state.total) for name, state in states.items()}


def test_a_family_built_anew() -> None:
    states = replay(tracker("base", "asr", "web"), "family")
    assert brief(states) == {"base": ("built", 0, 1), "asr": ("built", 0, 3), "web": ("built", 0, 1)}
    assert 0.3 < states["web"].seconds < 3


def test_a_family_that_is_cached() -> None:
    states = replay(tracker("base", "asr", "web"), "cached")
    assert brief(states) == {"base": ("cached", 1, 1), "asr": ("cached", 3, 3), "web": ("cached", 1, 1)}


def test_one_target_has_no_prefix() -> None:
    assert brief(replay(tracker("base"), "single")) == {"base": ("cached", 1, 1)}


def test_a_parent_that_was_not_selected() -> None:
    states = replay(tracker("web", "slow", order=("base", "web", "slow")), "cancelled")
    assert not states["base"].selected
    assert states["base"].status == "cached"


def test_failure() -> None:
    made = tracker("web", "slow", "broken", order=("base", "web", "slow", "broken"))
    states = replay(made, "failure", "failed")
    assert {name: state.status for name, state in states.items()} == {
        "base": "cached",
        "web": "cached",
        "slow": "cancelled",
        "broken": "failed",
    }
    (failure,) = made.failures()
    assert failure.images == ("broken",)
    assert failure.title.startswith("RUN echo fetching")
    assert failure.error.endswith("exit code: 7")
    assert made.owners(failure.digest) == ("broken",)


def test_cancelled() -> None:
    states = replay(tracker("web", "slow", order=("base", "web", "slow")), "cancelled", "cancelled")
    assert states["slow"].status == "cancelled"
    assert states["web"].status == "cached"


def test_nothing_is_exported_when_only_the_cache_is_filled() -> None:
    made = tracker("base", "asr", "web", exports=False)
    lines = [line for line in (RECORDED / "cached.ndjson").read_bytes().splitlines() if b"exporting" not in line]
    for line in lines:
        report = parse_line(line)
        for event in report if not isinstance(report, str) else ():
            made.feed(event, 0.0)
    assert {image.status for image in made.snapshot(0.0).images} == {"cached"}


def test_warning_once() -> None:
    made = Tracker(("warn",), {}, ("warn",), ("warn",))
    made.begin(("warn",))
    replay(made, "warning")
    replay(made, "warning")
    assert [type(warning) for warning in made.warnings] == [BuildWarning]


def vertex(digest: str, name: str, **more: Any) -> Vertex:  # noqa: ANN401 - the fields of Vertex
    return Vertex(digest, name, **more)


def state_of(made: Tracker, name: str) -> ImageState:
    return next(image for image in made.snapshot(0.0).images if image.name == name)


def test_running_step_and_its_number() -> None:
    made = tracker("base", "asr")
    for digest, name in (("1", "[asr 1/4] RUN one"), ("2", "[asr 2/4] COPY two"), ("3", "[asr 3/4] RUN three")):
        made.feed(vertex(digest, name), 0.0)
    assert state_of(made, "asr").status == "waiting"
    made.feed(vertex("1", "[asr 1/4] RUN one", started=10.0, completed=10.0, cached=True), 1.0)
    made.feed(vertex("2", "[asr 2/4] COPY two", started=11.0), 2.0)
    state = state_of(made, "asr")
    assert (state.status, state.step, state.number, state.total) == ("running", "COPY two", 2, 3)
    assert (state.cached, state.began, state.step_began) == (1, 2.0, 2.0)


def test_preparation_is_shown_only_when_nothing_else_runs() -> None:
    made = tracker("asr")
    made.begin(("asr", "base"))
    made.feed(vertex("c", "[asr internal] load build context", started=1.0), 1.0)
    assert state_of(made, "asr").step == "load build context"
    made.feed(vertex("1", "[asr 1/2] RUN one", started=1.0), 1.0)
    assert state_of(made, "asr").step == "RUN one"


def test_steps_of_a_parent_are_not_the_childs() -> None:
    made = tracker("base", "asr")
    made.feed(vertex("p", "[asr 2/2] RUN parent's", started=1.0), 1.0)
    made.feed(vertex("p", "[base 2/2] RUN parent's", started=1.0), 1.0)
    assert state_of(made, "base").step == "RUN parent's"
    assert (state_of(made, "asr").total, state_of(made, "asr").step) == (0, "")
    assert made.owners("p") == ("base",)


def test_a_child_waits_even_if_it_announces_the_parents_steps_first() -> None:
    made = tracker("base", "asr")
    made.feed(vertex("f", "[asr 1/2] FROM python", started=1.0), 1.0)
    assert state_of(made, "asr").status == "running"
    made.feed(vertex("f", "[base 1/2] FROM python", started=1.0), 1.0)
    state = state_of(made, "asr")
    assert (state.status, state.began, state.step) == ("waiting", None, "")


def test_a_parent_that_breaks_leaves_its_child_cancelled() -> None:
    made = tracker("base", "asr")
    broken = {"started": 1.0, "completed": 2.0, "error": "exit code: 1"}
    made.feed(vertex("p", "[base 2/2] RUN x", **broken), 1.0)
    made.feed(vertex("p", "[asr 2/2] RUN x", **broken), 1.0)
    made.end(("base", "asr"), "failed")
    assert (state_of(made, "base").status, state_of(made, "asr").status) == ("failed", "cancelled")
    assert made.failures()[0].images == ("base",)


def test_siblings_that_share_the_broken_step_both_failed() -> None:
    made = tracker("asr", "web")
    broken = {"started": 1.0, "completed": 2.0, "error": "exit code: 1"}
    made.feed(vertex("s", "[asr 2/2] RUN x", **broken), 1.0)
    made.feed(vertex("s", "[web 2/2] RUN x", **broken), 1.0)
    made.end(("asr", "web"), "failed")
    assert (state_of(made, "asr").status, state_of(made, "web").status) == ("failed", "failed")
    (failure,) = made.failures()
    assert failure.images == ("asr", "web")


def test_a_step_that_is_run_for_a_sibling_is_not_cached() -> None:
    """BuildKit merges equal steps: the one that waited is reported under the other's digest, then as cached."""
    made = tracker("asr", "web")
    made.feed(vertex("a", "[asr 2/2] COPY x", started=1.0, completed=2.0), 1.0)
    made.feed(vertex("a", "[web 2/2] COPY x", started=1.0, completed=2.0), 1.0)
    made.feed(vertex("w", "[web 2/2] COPY x", started=2.0, completed=2.0, cached=True), 1.0)
    assert (state_of(made, "web").cached, state_of(made, "web").total) == (0, 1)


def test_start_and_complete_several_times() -> None:
    made = tracker("asr")
    made.begin(("asr", "base"))
    for times in ({"started": 1.0}, {"started": 1.0, "completed": 1.0}, {"started": 1.0}):
        made.feed(vertex("1", "[asr 1/1] RUN x", **times), 1.0)
    assert state_of(made, "asr").status == "running"
    made.feed(vertex("1", "[asr 1/1] RUN x", started=1.0, completed=4.0), 1.0)
    assert state_of(made, "asr").seconds == 3.0


def test_a_cache_that_cannot_be_read_fails_nothing() -> None:
    made = tracker("asr", "web")
    made.feed(vertex("i", "[asr] importing cache manifest from x", started=1.0, completed=2.0, error="not found"), 1.0)
    assert made.failures() == ()
    made.end(("asr", "web"), "built")
    assert state_of(made, "asr").status == "built"


def test_a_later_wave_does_not_touch_what_an_earlier_one_built() -> None:
    made = tracker("base", "asr")
    made.begin(("base",))
    made.feed(vertex("1", "[1/1] RUN x", started=1.0, completed=9.0), 1.0)
    made.end(("base",), "built")
    made.begin(("base", "asr"))
    made.feed(vertex("1", "[base 1/1] RUN x", started=9.0, completed=9.0, cached=True), 1.0)
    made.feed(vertex("1", "[asr 1/1] RUN x", started=9.0, completed=9.0, cached=True), 1.0)
    assert (state_of(made, "base").status, state_of(made, "base").cached) == ("built", 0)
    assert state_of(made, "asr").total == 0


def test_unknown_targets_are_ignored() -> None:
    made = tracker("asr", "web")
    made.feed(vertex("1", "[internal] load local bake definitions", started=1.0), 1.0)
    made.feed(vertex("2", "[other 1/1] RUN x", started=1.0), 1.0)
    assert {image.status for image in made.snapshot(0.0).images} == {"waiting"}


def test_unchanged_images_keep_their_state_object() -> None:
    made = tracker("asr", "web")
    before = made.snapshot(0.0).images
    made.feed(vertex("1", "[asr 1/1] RUN x", started=1.0), 1.0)
    after = made.snapshot(0.0).images
    assert after[0] is not before[0]
    assert after[1] is before[1]


def test_amounts() -> None:
    amounts = Amounts()
    amounts.fold(Status("v", "sha256:a", current=100_000_000, total=3_000_000_000))
    amounts.fold(Status("v", "sha256:b", current=0, total=400_000_000))
    amounts.fold(Status("v", "sha256:a", current=1_200_000_000, total=3_000_000_000))
    amounts.fold(Status("w", "transferring context:", current=2_000))
    amounts.fold(Status("x", "exporting layers"))
    assert amounts.text(["v"]) == "1.2 GB / 3.4 GB"
    assert amounts.text(["w"]) == "transferring context: 2.0 kB"
    assert amounts.text(["x"]) == "exporting layers"
    assert amounts.text(["none"]) == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_300_000, "4.3 MB"), (2.6e9, "2.6 GB"), (5e15, "5000.0 TB")],
)
def test_size(number: float, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("name", "cached", "mounted"),
    [
        ("[base 1/2] RUN --mount=type=cache,target=/c make", False, True),
        ("[base 1/2] RUN --mount=type=cache,target=/c make", True, False),
        ("[base 1/2] RUN make", False, False),
    ],
)
def test_whether_a_cache_was_mounted(name: str, *, cached: bool, mounted: bool) -> None:
    made = tracker("base", "asr")
    made.feed(Vertex("sha256:1", name), 0.0)
    assert not made.mounted
    made.feed(Vertex("sha256:1", name, started=1.0, completed=2.0, cached=cached), 0.0)
    assert made.mounted is mounted


def test_what_ran_and_what_it_was_built_on() -> None:
    made = Tracker(["a", "b"], {}, ["a", "b"], [])
    digest, other = (f"sha256:{letter * 64}" for letter in "ab")
    made.begin({"a", "b"})
    for event in (
        vertex("1", f"[a 1/2] FROM docker.io/library/python:3.11@{digest}", completed=1.0),
        vertex("2", f"[b context python:3.11@{digest}] example.org/python@{other}", completed=1.0),
        vertex("3", f"[a 2/2] RUN pull x@{digest[:-1]}c", completed=2.0),
        vertex("4", "[b 2/2] COPY x /x", completed=2.0, cached=True),
        vertex("5", "[b internal] load build context", started=0.5, completed=2.0),
        vertex("7", "[a internal] load .dockerignore", started=0.4),
    ):
        made.feed(event, 0.0)
    assert (made.ran, made.bases, made.started) == ({"a"}, {digest, other}, 0.4)
    made.feed(vertex("6", "[b 1/2] FROM docker.io/library/debian", completed=3.0), 0.0)
    assert made.bases == {digest, other, ""}, "one that nobody can tell from another"


def test_a_step_that_another_build_has_begun_counts_from_the_begin_of_this_one() -> None:
    made = Tracker(["a"], {}, ["a"], [])
    made.begin({"a"})
    made.feed(vertex("1", "[internal] load build definition from Dockerfile", started=100.0, completed=100.5), 0.0)
    made.feed(vertex("2", "[1/2] FROM docker.io/library/python:3.11", started=1.0, completed=101.0), 0.0)
    made.feed(vertex("3", "[2/2] RUN make", started=101.0, completed=103.0), 0.0)
    assert state_of(made, "a").seconds == 3.0
