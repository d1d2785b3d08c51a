"""What became of each pin, for people and for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from bakegen.lock import Lock, Pin, Seen
from bakegen.locking.update import State, Step
from bakegen.locking.wanted import Wanted

_WIDTH = 80
_SHORT = 12  # hex digits that tell two digests apart
_WORDS: dict[State, str] = {
    "locked": "locked",
    "moved": "moved",
    "waiting": "waiting for age",
    "gone": "gone from the registry",
    "dropped": "dropped",
    "by hand": "pinned by hand",
    "current": "unchanged",
    "kept": "unchanged",
}
_NEWS = ("locked", "moved", "waiting", "gone", "dropped")


def lines(steps: Iterable[Step], wanted: Mapping[str, Wanted], now: datetime) -> Iterator[str]:
    """Yield what a person reads: each reference that has news, what it means for the images, and the sum."""
    steps = list(steps)
    for step in steps:
        if step.state in _NEWS:
            want = wanted.get(step.written, Wanted(step.written))
            yield f"{step.written}" + (f"  ({', '.join(want.bases)})" if want.bases else "")
            yield from (f"  {line}" for line in _news(step, now))
            if step.state == "moved" and want.images:
                yield from _wrapped("  rebuilds ", want.images)
    counts = Counter(_WORDS[step.state] for step in steps)
    yield (
        ", ".join(f"{counts[word]} {word}" for word in dict.fromkeys(_WORDS.values()) if counts[word])
        or "nothing to lock"
    )


def as_json(steps: Iterable[Step], wanted: Mapping[str, Wanted]) -> list[dict[str, Any]]:
    """Return the same for a program."""
    return [
        {
            "reference": step.written,
            "bases": list(want.bases),
            "state": step.state,
            "images": list(want.images),
            "before": _plain(step.before),
            "after": _plain(step.after),
        }
        for step in steps
        for want in [wanted.get(step.written, Wanted(step.written))]
    ]


def bases(wanted: Mapping[str, Wanted], lock: Lock | None, now: datetime) -> list[dict[str, Any]]:
    """Return one row an external image: its digest, for how many days it has been known, and whom it concerns."""
    pins = lock.pins if lock else {}
    return [
        {
            "reference": written,
            "bases": list(want.bases),
            "locked": str(lock.pinned(want.ref)).partition("@")[0] if lock and pin else None,
            "digest": pin.digest if pin else None,
            "days": max((now - pin.first_seen).days, 0) if pin else None,
            "waiting": len(pin.waiting) if pin else 0,
            "images": list(want.images),
        }
        for written, want in wanted.items()
        for pin in [pins.get(written)]
    ]


def age(seen: Seen, now: datetime) -> str:
    """Return for how long a digest has been known, in whole days."""
    days = (now - seen.first_seen).days
    return "today" if days <= 0 else f"{days} day{'' if days == 1 else 's'} ago"


def _news(step: Step, now: datetime) -> Iterator[str]:
    before, after = step.before, step.after
    if step.state == "locked" and after:
        yield f"locked {after.digest}"
    elif step.state == "moved" and before and after:
        if before.resolved != after.resolved:
            yield f"moved {before.resolved.tag} -> {after.resolved.tag}"
        yield f"moved {short(before.digest)} -> {short(after.digest)}, first seen {age(after, now)}"
    elif step.state == "waiting" and after:
        newest = after.waiting[-1]
        tag = "" if newest.resolved == after.resolved else f" ({newest.resolved.tag})"
        yield f"stays at {short(after.digest)}: {short(newest.digest)}{tag} was first seen {age(newest, now)}"
    elif step.state == "gone" and after:
        yield f"stays at {short(after.digest)}: the registry does not have the tag {after.resolved.tag} any more"
    elif step.state == "dropped":
        yield "dropped: the family does not name it any more"


def _plain(pin: Pin | None) -> dict[str, Any] | None:
    return pin.model_dump(mode="json", exclude_none=True) if pin else None


def short(digest: str) -> str:
    """Return as much of a digest as tells two apart."""
    return digest.removeprefix("sha256:")[:_SHORT]


def _wrapped(head: str, words: Iterable[str]) -> list[str]:
    return textwrap.wrap(
        head + " ".join(words),
        _WIDTH,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
