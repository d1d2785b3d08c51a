"""The rule by which a ratio is told or refused."""

from __future__ import annotations

from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from bakegen.bench.statistics import ratio, spread

SECONDS = st.floats(0.01, 1e5, allow_nan=False)
PAIRS = st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=9)


@given(PAIRS)
def test_a_ratio_is_told_only_where_all_rounds_agree(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    found = ratio(ours, theirs)
    assert found is not None
    ratios = sorted(a / b for a, b in pairs)
    assert (found.low, found.high, found.pairs) == (ratios[0], ratios[-1], len(pairs))
    assert (found.value is None) == bool(found.why_not)
    if found.value is not None:
        assert found.value == median(ratios)
        assert ratios[-1] < 1 or ratios[0] > 1
        difference = abs(median(ours) - median(theirs))
        assert len(pairs) == 1 or difference > max(max(ours) - min(ours), max(theirs) - min(theirs))


@given(PAIRS)
def test_who_is_compared_with_whom_does_not_change_whether_it_is_told(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = ratio(ours, theirs), ratio(theirs, ours)
    assert there is not None
    assert back is not None
    assert (there.value is None) == (back.value is None)


@given(PAIRS, st.integers(0, 9))
def test_a_round_that_failed_counts_for_neither_side(pairs: list[tuple[float, float]], place: int) -> None:
    ours: list[float | None] = [a for a, _ in pairs]
    theirs: list[float | None] = [b for _, b in pairs]
    expected = ratio(ours, theirs)
    place = min(place, len(pairs))
    assert ratio([*ours[:place], None, *ours[place:]], [*theirs[:place], 1.0, *theirs[place:]]) == expected


def test_the_spread_may_swallow_a_ratio() -> None:
    clear = ratio([1.0, 1.1, 1.2], [10.0, 11.0, 12.0])
    assert clear is not None
    assert clear.value is not None
    straddling = ratio([1.0, 2.0], [1.5, 1.5])
    assert straddling is not None
    assert straddling.why_not == "rounds disagree on who is faster"
    wide = ratio([1.0, 5.0], [2.0, 6.0])
    assert wide is not None
    assert wide.why_not == "the spread is as large as the difference"
    assert ratio([None], [1.0]) is None
    assert ratio([], []) is None


def test_spread() -> None:
    assert spread([None, None]) is None
    found = spread([3.0, None, 1.0, 2.0])
    assert found is not None
    assert (found.median, found.low, found.high, found.width) == (2.0, 1.0, 3.0, 2.0)
