"""How far the parts of a running step are: bytes of layers on their way, and what an export is at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakegen.engine.events import Status

UNITS = ("B", "kB", "MB", "GB", "TB")


class Amounts:
    """The sum of every step's parts, kept up to date part by part."""

    def __init__(self) -> None:
        """Start with nothing under way."""
        self._parts: dict[tuple[str, str], tuple[int, int]] = {}
        self._sums: dict[str, tuple[int, int]] = {}
        self._latest: dict[str, str] = {}

    def fold(self, status: Status) -> None:
        """Take in one report on a part; a part may be reported again, and its total may be learned late."""
        key = (status.vertex, status.id)
        before = self._parts.get(key, (0, 0))
        part = (status.current, status.total) if status.total else (0, 0)
        sums = self._sums.get(status.vertex, (0, 0))
        self._parts[key] = part
        self._sums[status.vertex] = (sums[0] + part[0] - before[0], sums[1] + part[1] - before[1])
        if status.completed is None:
            self._latest[status.vertex] = f"{status.id} {size(status.current)}" if status.current else status.id

    def text(self, vertexes: Iterable[str]) -> str:
        """Return how far these steps are, such as ``1.2 / 3.4 GB``, else the part at hand, else ""."""
        latest = ""
        for vertex in vertexes:
            current, total = self._sums.get(vertex, (0, 0))
            if total:
                return f"{size(current)} / {size(total)}"
            latest = self._latest.get(vertex, latest)
        return latest


def size(number: float) -> str:
    """Return bytes as a person reads them, in powers of 1000: ``0 B``, ``4.3 MB``."""
    for unit in UNITS[:-1]:
        if number < 1000:  # noqa: PLR2004 - the step between SI units
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {UNITS[-1]}"
