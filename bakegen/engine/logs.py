"""What the steps print, put back into lines.

BuildKit sends pieces: one may end inside a line or a character, and those of parallel steps alternate.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakegen.engine.events import Log

TAIL = 20  # lines of a step that are kept to be shown should it fail
LONGEST = 1 << 16  # bytes after which a line is passed on although its end is not there
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


class LogLines:
    """Whole lines of every step, and the last of them."""

    def __init__(self) -> None:
        """Start with nothing printed."""
        self._open: dict[tuple[str, int], bytes] = {}
        self._tails: dict[str, deque[str]] = {}

    def feed(self, log: Log) -> tuple[str, ...]:
        """Return the lines that this piece completes, clean and without line ends."""
        key = (log.vertex, log.stream)
        *whole, rest = (self._open.pop(key, b"") + log.data).split(b"\n")
        if len(rest) > LONGEST:
            whole, rest = [*whole, rest], b""
        if rest:
            self._open[key] = rest
        return self._keep(log.vertex, whole)

    def flush(self, vertex: str) -> tuple[str, ...]:
        """Return what the step left without a line end; for when it has ended."""
        keys = [key for key in self._open if key[0] == vertex]
        return self._keep(vertex, [self._open.pop(key) for key in keys])

    def tail(self, vertex: str) -> tuple[str, ...]:
        """Return the step's last lines, a fragment at their end included."""
        self.flush(vertex)
        return tuple(self._tails.get(vertex, ()))

    def forget(self, vertex: str) -> None:
        """Drop the tail of a step that ended well."""
        self._tails.pop(vertex, None)

    def _keep(self, vertex: str, raw: list[bytes]) -> tuple[str, ...]:
        if not raw:
            return ()
        lines = tuple(clean(line) for line in raw)
        self._tails.setdefault(vertex, deque(maxlen=TAIL)).extend(lines)
        return lines


def clean(line: bytes) -> str:
    r"""Return a line as a terminal would leave it standing: what the last \r overwrote, colours and controls are gone.

    What a build prints is not ours: an escape sequence in it must not move a user's cursor or retitle a window.
    """
    parts = [part for part in line.split(b"\r") if part]
    text = parts[-1].decode(errors="replace") if parts else ""
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).rstrip()
