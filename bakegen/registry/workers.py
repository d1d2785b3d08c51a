"""Many requests at a time, without a thread that holds up Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from bakegen.errors import RegistryError

T = TypeVar("T")
R = TypeVar("R")
TICK = 0.2  # seconds: on Windows a wait without an end cannot be interrupted


def concurrently(function: Callable[[T], R], items: Iterable[T], workers: int = 8) -> list[R]:
    """Return ``function(item)`` for each item, in their order, from up to ``workers`` threads.

    Every item is tried; one RegistryError then carries the problems of all that failed, each once, in the items'
    order. Any other exception ends the work at once. Threads are daemons: Ctrl-C does not wait for their sockets.
    """
    todo = list(items)
    results: dict[int, R] = {}
    failed: dict[int, RegistryError] = {}
    stop = Event()
    try:
        for number, outcome in _outcomes(function, todo, workers, stop):
            try:
                results[number] = outcome.result()
            except RegistryError as error:
                failed[number] = error
    finally:
        stop.set()
    if failed:
        problems = dict.fromkeys(problem for number in sorted(failed) for problem in failed[number].problems)
        raise RegistryError(*problems)
    return [results[number] for number in range(len(todo))]


def _outcomes(function: Callable[[T], R], todo: list[T], workers: int, stop: Event) -> Iterator[tuple[int, Future[R]]]:
    """Yield number and outcome of each item, as they come."""
    waiting: SimpleQueue[int] = SimpleQueue()
    done: SimpleQueue[tuple[int, Future[R]]] = SimpleQueue()
    for number in range(len(todo)):
        waiting.put(number)

    def work() -> None:
        with suppress(Empty):
            while not stop.is_set():
                number = waiting.get_nowait()
                done.put((number, _outcome(function, todo[number])))

    for _ in range(min(workers, len(todo))):
        Thread(target=work, daemon=True).start()
    for _ in todo:
        yield _next(done)


def _outcome(function: Callable[[T], R], item: T) -> Future[R]:
    future: Future[R] = Future()
    try:
        future.set_result(function(item))
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        future.set_exception(error)
    return future


def _next(queue: SimpleQueue[R]) -> R:
    while True:
        try:
            return queue.get(timeout=TICK)
        except Empty:
            continue
