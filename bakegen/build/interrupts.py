"""Ctrl-C as a wish that the build reads between two lines, rather than an exception in the middle of one."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Wish:
    """How often the user has asked to stop."""

    def __init__(self) -> None:
        """Start with no such wish."""
        self.count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Count one more; as a signal handler it may run between any two instructions, so it does nothing else."""
        del number, frame
        self.count += 1


@contextmanager
def stop_wishes() -> Iterator[Wish]:
    """Return the wishes to stop that arrive meanwhile: Ctrl-C, and the signals by which CI and a closed terminal end us.

    The child process has a session of its own and gets none of them. Outside the main thread Python allows no signal
    handler; then there are never wishes, and whoever runs the main thread decides. A signal that was ignored stays so.
    """
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] not in {signal.SIG_IGN, None}:
            signal.signal(number, wish)
    try:
        yield wish
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
