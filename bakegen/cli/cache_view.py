"""What ``bakegen cache`` prints: rows that fit 80 columns, JSON, and how far a transfer is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from bakegen.build.amounts import size
from bakegen.caches.family import Held
from bakegen.cli.common import columns, plural, to_json

FORGETS = """\
at a prune, this engine may forget layers that stay: the next build then runs
their steps again, from the mounts that are left (docs/caches.md says when)"""
_WIDTH = 80
_LINE = 60  # columns of what is shown in place
_BLINK = 0.2  # seconds between two looks on a terminal
_QUIET = 10.0  # seconds between lines where nobody watches
_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"))


def as_json_entry(entry: Held) -> dict[str, Any]:
    """Return an id of the family for a program; ``records`` are BuildKit's, none where the mount is absent."""
    return {
        "id": entry.id,
        "present": bool(entry.records),
        "bytes": entry.size,
        "last_used": entry.last_used,
        "targets": list(entry.targets),
        "images": list(entry.images),
        "records": [record.record for record in entry.records],
    }


def table(entries: Sequence[Held], now: float) -> str:
    """Return the mounts as rows: id, size, last use, images."""
    rows = [
        (
            entry.id,
            size(entry.size) if entry.records else "absent",
            ago(entry.last_used, now) if entry.records else "",
            ", ".join(entry.images),
        )
        for entry in entries
    ]
    return fitted([("MOUNT", "SIZE", "LAST USE", "IMAGES"), *rows])


def fitted(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns, the last cut with how many more there are where the line would pass 80 columns."""
    heads = [tuple(row[:-1]) for row in rows]
    used = sum(max(map(len, column)) + 2 for column in zip(*heads, strict=True))
    room = max(_WIDTH - used, 16)
    return columns([(*row[:-1], _cut(row[-1], room)) for row in rows])


def _cut(text: str, room: int) -> str:
    """Return a list of names cut at a comma, and how many are missing."""
    names = text.split(", ")
    for count in range(len(names), 0, -1):
        rest = len(names) - count
        shown = ", ".join(names[:count]) + (f" +{rest}" if rest else "")
        if len(shown) <= room:
            return shown
    return text if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def ago(moment: float | None, now: float) -> str:
    """Return how long ago something was, in one unit: ``3 d``, ``2 h``, ``5 min``."""
    if moment is None:
        return "unknown"
    for seconds, unit in _STEPS:
        if now - moment >= seconds:
            return f"{(now - moment) // seconds:.0f} {unit}"
    return "now"


def pruned(going: Sequence[Held], stayed: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    """Print what went, or would go."""
    freed = sum(entry.size for entry in going if entry.id not in stayed)
    if as_json:
        mounts = [{**as_json_entry(entry), "removed": not dry_run and entry.id not in stayed} for entry in going]
        click.echo(to_json({"dry_run": dry_run, "bytes": freed, "mounts": mounts}))
        return
    if not going:
        click.echo("nothing to prune: the engine holds none of these mounts", err=True)
        return
    rows = [
        (entry.id, "in use, stays" if entry.id in stayed else size(entry.size), ", ".join(entry.images))
        for entry in going
    ]
    click.echo(fitted([("MOUNT", "SIZE", "IMAGES"), *rows]))
    count = plural(sum(entry.id not in stayed for entry in going), "mount")
    click.echo(f"{'would remove' if dry_run else 'removed'} {count}, {size(freed)}", err=True)


class Progress:
    """Shows how far a transfer is on stderr: in place on a terminal, else a line now and then."""

    def __init__(self, total: int = 0) -> None:
        """Take the bytes that are expected, 0 where they are not known."""
        self._total, self._live, self._last = total, sys.stderr.isatty(), time.monotonic()

    def __call__(self, what: str, done: int) -> None:
        """Show what goes on and its bytes, unless the last look was a moment ago."""
        now = time.monotonic()
        if now - self._last < (_BLINK if self._live else _QUIET):
            return
        self._last = now
        share = f" of about {size(self._total)}" if self._total and done else ""
        text = f"{what} {size(done)}{share}" if done else what
        click.echo(f"\r{text:<{_LINE}}" if self._live else text, err=True, nl=not self._live)

    def close(self) -> None:
        """Leave an empty line to whatever is printed next."""
        if self._live:
            click.echo(f"\r{'':<{_LINE}}\r", err=True, nl=False)
