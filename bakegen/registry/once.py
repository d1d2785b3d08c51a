"""A cache that works things out once, also when several threads ask at the same time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Remembers the value, or the error, of each key."""

    def __init__(self) -> None:
        """Begin empty."""
        self._futures: dict[K, Future[V]] = {}
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the key's value: the first to ask makes it, the others wait for it. Raises what ``make`` raised.

        What is no error but an interruption (Ctrl-C) is not remembered.
        """
        with self._lock:
            known = self._futures.get(key)
            future = known or Future()
            self._futures[key] = future
        if not known:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - raised again below, here and in the threads that wait
                if not isinstance(error, Exception):
                    with self._lock:
                        del self._futures[key]
                future.set_exception(error)
        return future.result()

    def known(self, key: K) -> V | None:
        """Return the key's value if it has been made, else None."""
        with self._lock:
            future = self._futures.get(key)
        return future.result() if future and future.done() and not future.exception() else None

    def forget(self, key: K, value: V) -> None:
        """Forget a key if this is its value, so that it is made anew: another thread may have done so already."""
        with self._lock:
            future = self._futures.get(key)
            if future and future.done() and not future.exception() and future.result() == value:
                del self._futures[key]
