"""When to ask again, and when to give up: three tries, longer and longer waits, and what the registry itself asks for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Condition
from time import monotonic

from bakegen.errors import Problem, RegistryError
from bakegen.registry import problems
from bakegen.registry.problems import TOO_MANY, Answer, Unanswered

TRIES = 3
_AGAIN = frozenset({TOO_MANY, 500, 502, 503, 504})


class Patience:
    """Asks hosts, again where that may help; a host that says "too many" is left alone by all threads."""

    def __init__(
        self, seconds: float, sleep: Callable[[float], None], on_wait: Callable[[str, float], None] | None
    ) -> None:
        """Take how long to wait in all for one answer, how to wait, and whom to tell before."""
        self._seconds = seconds
        self._sleep = sleep
        self._on_wait = on_wait
        self._gates: defaultdict[str, _Gate] = defaultdict(_Gate)

    def ask(self, host: str, send: Callable[[], Answer]) -> Answer:
        """Return an answer that another try would not change; raises RegistryError where there is none.

        ``host`` is the server's name in errors, and what a rate limit counts for.
        """
        gate = self._gates[host]
        waited = 0.0
        for number in range(1, TRIES + 1):
            turn = gate.enter()
            outcome = _outcome(send)
            if isinstance(outcome, Answer) and outcome.status not in _AGAIN:
                return outcome
            asked = retry_after(outcome.headers.get("Retry-After")) if isinstance(outcome, Answer) else None
            wait = float(1 << (number - 1)) if asked is None else asked
            waited += wait
            if number == TRIES or waited > self._seconds or (isinstance(outcome, Unanswered) and not outcome.transient):
                return self._last(host, gate, outcome, asked)
            limited = isinstance(outcome, Answer) and outcome.status == TOO_MANY
            self._wait(host, gate, turn, wait, everybody=limited)
        raise AssertionError("the last try returns or raises")

    def _last(self, host: str, gate: _Gate, outcome: Answer | Unanswered, asked: float | None) -> Answer:
        """Return an answer that there will be no better one than; raise RegistryError for what is none."""
        if isinstance(outcome, Unanswered):
            if outcome.transient:  # silent three times: nobody else need wait as long to hear the same
                gate.close(outcome.problem, self._seconds)
            raise RegistryError(outcome.problem) from outcome
        if outcome.status == TOO_MANY:
            problem = problems.limited(host, asked, self._seconds)
            gate.close(problem, max(asked or 0.0, self._seconds))
            raise RegistryError(problem)
        if asked is not None and asked > self._seconds:
            raise RegistryError(problems.busy(host, asked, self._seconds))
        return outcome

    def _wait(self, host: str, gate: _Gate, turn: int, seconds: float, *, everybody: bool) -> None:
        if everybody and not gate.hold(turn):
            return  # another thread met the same limit first, and waits for all
        try:
            if self._on_wait:
                self._on_wait(host, seconds)
            self._sleep(seconds)
        finally:
            if everybody:
                gate.release()


def _outcome(send: Callable[[], Answer]) -> Answer | Unanswered:
    try:
        return send()
    except Unanswered as error:
        return error


class _Gate:
    """Before one host: held while a rate limit is waited for, closed when that would take too long."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._held = False
        self._turn = 0
        self._problem: Problem | None = None
        self._until = 0.0

    def enter(self) -> int:
        """Wait while the gate is held; return a number that tells whether it was held since. RegistryError: closed."""
        with self._condition:
            self._condition.wait_for(lambda: not self._held)
            if self._problem and monotonic() < self._until:
                raise RegistryError(self._problem)
            return self._turn

    def hold(self, turn: int) -> bool:
        """Hold the gate, unless it was held since ``turn``."""
        with self._condition:
            if self._turn != turn:
                return False
            self._turn += 1
            self._held = True
            return True

    def release(self) -> None:
        """Let everybody through again."""
        with self._condition:
            self._held = False
            self._condition.notify_all()

    def close(self, problem: Problem, seconds: float) -> None:
        """Refuse everybody for so long: what the registry would answer is known."""
        with self._condition:
            self._problem = problem
            self._until = monotonic() + seconds


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After asks for, as a number or a date; None where it is neither.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if not value:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
