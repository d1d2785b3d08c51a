"""How figures and names are written in every output of a report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from bakegen.build.amounts import size

if TYPE_CHECKING:
    from bakegen.report.model import Change, Fetched, Sums

#: Control characters, and those that turn or hide what stands around them.
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[\d.]+(?:\+00:00|Z)")
NOT_MEASURED = "not measured"
_MINUTE, _ODD = 60, 0.05


def seconds(value: float) -> str:
    """Return ``31.2 s``, ``4 min 5 s`` from ten minutes on."""
    if value < 10 * _MINUTE:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), _MINUTE)
    return f"{minutes} min {rest} s"


def amount(value: Fetched | int | None, unknown: str = "-") -> str:
    """Return bytes for people, ``unknown`` when they were not measured."""
    if value is None or isinstance(value, int):
        return unknown if value is None else size(value)
    return f"{'' if value.exact else 'over '}{size(value.bytes)}"


def downloaded(sums: Sums, kind: Literal["apt", "python"]) -> str:
    """Return what steps of a kind downloaded; "" where there are none, ``-`` when it was not measured."""
    return amount(sums.apt if kind == "apt" else sums.python) if sums.seconds[kind] else ""


def growth(value: int | None) -> str:
    """Return a difference of bytes with its sign; "" when it was not measured."""
    if value is None:
        return ""
    return f"{'-' if value < 0 else '+' if value else ''}{size(abs(value))}"


def difference(change: Change) -> str:
    """Return a difference of seconds with its sign; ``new`` or ``gone`` when one run lacks the thing."""
    if change.delta is None:
        return "-" if change.before is None and change.after is None else "new" if change.before is None else "gone"
    return f"{change.delta:+.1f} s" if abs(change.delta) >= _ODD else "0.0 s"


def plain(text: str) -> str:
    """Return text on one line without what a terminal would obey."""
    return _UNPRINTABLE.sub(" ", text).strip()


def clip(text: str, width: int) -> str:
    """Return one line of at most ``width`` characters."""
    text = plain(text)
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def shorten(name: str, width: int) -> str:
    """Return a name in at most ``width`` characters, cut in its middle: names of one kind often differ at their ends."""
    name = plain(name)
    half = max(width - 3, 0)
    return name if len(name) <= width else f"{name[: half - half // 2]}...{name[len(name) - half // 2 :]}"


def moment(text: str) -> str:
    """Return ISO 8601 in UTC as ``2026-11-23 19:30 UTC``, anything else as it is."""
    return f"{text[:10]} {text[11:16]} UTC" if _UTC.fullmatch(text) else clip(text, 40)


def percent(part: float, whole: float) -> str:
    """Return a share; "" of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else ""
