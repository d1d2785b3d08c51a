"""Which images go first into an engine that unpacks shared layers once for each image it takes in at a time."""

from __future__ import annotations

import pytest

from bakegen.build.exports import first_exports
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
