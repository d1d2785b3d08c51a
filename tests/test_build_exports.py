"""Which images go first into an engine that unpacks shared layers once for each image it takes in at a time."""

from __future__ import annotations

import pytest

from bakegen.build.exports import Export, first_exports, parse_exports, unchanged
from bakegen.build.model import Stamp
from bakegen.build.waves import lineages

FAMILY = lineages(
    {
        "base": (),
        "cuda": (),
        "ml": ("cuda",),
        "asr": ("ml",),
        "vad": ("ml",),
        "mux": ("base",),
        "alone": (),
    }
)


@pytest.mark.parametrize(
    ("exported", "first"),
    [
        (["alone", "base"], []),
        (["asr"], []),
        (["asr", "vad"], ["asr"]),
        (["ml", "asr", "vad"], ["ml"]),
        (["cuda", "ml", "asr", "vad"], ["cuda", "ml"]),
        (["base", "mux", "alone"], ["base"]),
        (["ml", "cuda"], ["cuda"]),
        (list(FAMILY), ["base", "cuda", "ml"]),
    ],
)
def test_one_image_of_each_shared_line_goes_first(exported: list[str], first: list[str]) -> None:
    assert first_exports(exported, FAMILY) == frozenset(first)


def test_every_shared_image_is_covered_by_what_goes_first() -> None:
    exported = ["asr", "vad", "mux"]
    covered = frozenset[str]().union(*(FAMILY[name] for name in first_exports(exported, FAMILY)))
    assert {"ml", "cuda"} <= covered


@pytest.mark.parametrize(
    ("new", "first"),
    [
        (["asr"], []),
        (["asr", "vad"], []),
        (["ml", "asr", "vad"], ["ml"]),
        (["cuda", "ml", "asr", "vad", "mux"], ["cuda", "ml"]),
    ],
)
def test_what_the_engine_has_is_not_unpacked_again(new: list[str], first: list[str]) -> None:
    lineage = {name: line & frozenset(new) for name, line in FAMILY.items()}
    assert first_exports(new, lineage) == frozenset(first)


def test_a_record_of_exports_survives_the_round_trip_and_what_is_none_is_left_out() -> None:
    export = Export("s", "sha256:1", ("sha256:2",))
    record = {"a": export.as_json(), "b": {"stamp": "s"}, "c": 7, "d": None, "e": {**export.as_json(), "bases": 3}}
    assert parse_exports(record) == {"a": export}


@pytest.mark.parametrize(
    ("stamp", "digests", "same"),
    [
        (Stamp("s", ("x:1", "x:2")), {"x:1": "d", "x:2": "d"}, True),
        (Stamp("s", ("x:1", "x:2")), {"x:1": "d"}, False),
        (Stamp("s", ("x:1",)), {"x:1": "other"}, False),
        (Stamp("t", ("x:1",)), {"x:1": "d"}, False),
        (Stamp("s"), {}, False),
        (None, {"x:1": "d"}, False),
    ],
)
def test_unchanged_is_what_has_the_same_stamp_and_all_of_its_tags(
    stamp: Stamp | None, digests: dict[str, str], same: bool
) -> None:
    before = {"a": Export("s", "d")}
    assert unchanged(before, {"a": stamp} if stamp else {}, digests) == (before if same else {})
