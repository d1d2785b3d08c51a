"""Medians, spreads, and the rule by which a ratio is told or refused. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of the rounds that went well."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """The difference between the slowest and the fastest round."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Ratio:
    """bakegen's seconds over a baseline's: the median of the pairs, or None and why it is not told; low and high of them."""

    value: float | None
    low: float | None
    high: float | None
    pairs: int
    why_not: str = ""


def spread(seconds: Sequence[float | None]) -> Spread | None:
    """Return median, fastest and slowest; None where no round went well."""
    found = [value for value in seconds if value is not None]
    return Spread(median(found), min(found), max(found)) if found else None


def ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Ratio | None:
    """Return the ratio of two sides, pair by pair, a pair a round; None where no round has both.

    It is refused when the rounds do not agree on who is faster (the ratios of the pairs lie on both sides of 1), and when
    either side's own spread is at least the difference of the medians. One pair has no spread: its ratio is told, and
    ``pairs`` says so.
    """
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a is not None and b is not None and b > 0]
    if not pairs:
        return None
    ratios = [a / b for a, b in pairs]
    low, high = min(ratios), max(ratios)
    left, right = spread([a for a, _ in pairs]), spread([b for _, b in pairs])
    assert left is not None  # noqa: S101 - pairs is not empty
    assert right is not None  # noqa: S101
    why_not = ""
    if low <= 1 <= high:
        why_not = "rounds disagree on who is faster"
    elif len(pairs) > 1 and max(left.width, right.width) >= abs(left.median - right.median):
        why_not = "the spread is as large as the difference"
    return Ratio(None if why_not else median(ratios), low, high, len(pairs), why_not)
