"""What would shorten the critical path: plain sentences from what was measured, no guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakegen.build.amounts import size
from bakegen.report.words import amount, clip, percent, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakegen.report.fetched import Downloads
    from bakegen.report.model import PathStep
    from bakegen.trace.model import Step, Trace

#: Below this share of the path a remark would not be worth reading.
SHARE = 0.2
BUSY, IDLE = 0.75, 0.4


def advice(path: Sequence[PathStep], trace: Trace, known: Downloads, efficiency: float | None) -> tuple[str, ...]:
    """Return remarks on the critical path, the heaviest first; none when there is no path."""
    total = sum(step.seconds + step.waited for step in path)
    return tuple(_remarks(path, trace, known, efficiency, total)) if total > 0 else ()


def _remarks(
    path: Sequence[PathStep], trace: Trace, known: Downloads, efficiency: float | None, total: float
) -> Iterator[str]:
    steps = {step.key: step for step in trace.steps}
    longest = max(path, key=lambda step: step.seconds)
    yield _longest(longest, steps[longest.key], known, longest.seconds / total)
    exports = sum(step.seconds for step in path if step.kind == "export" and step is not longest)
    if exports >= SHARE * total:
        yield f"exports are {seconds(exports)} of the path ({percent(exports, total)})"
    waited = sum(step.waited for step in path)
    if waited >= SHARE * total:
        yield f"{seconds(waited)} of the path are waits between its steps ({percent(waited, total)})" + _why_wait(
            efficiency
        )
    if efficiency is not None and efficiency < IDLE and waited < SHARE * total:
        yield f"the cores were {percent(efficiency, 1)} busy with steps: more of them would not help, a shorter path would"


def _longest(link: PathStep, step: Step, known: Downloads, share: float) -> str:
    whose = f"{link.image}: " if link.image else ""
    text = f"longest on it: {whose}{clip(link.title, 60)}, {seconds(link.seconds)} ({percent(share, 1)})"
    if others := len(step.images) - 1:
        text += f"; {others} other image{'' if others == 1 else 's'} shared it"
    if (told := known.get(step.key)) and told.bytes:
        return text + f"; it downloaded {amount(told)}"
    if step.kind in {"base", "context"} and step.moved:
        return text + f"; {size(step.moved)} moved"
    return text + ("; it came from the cache" if step.cached else "")


def _why_wait(efficiency: float | None) -> str:
    if efficiency is None or efficiency < BUSY:
        return ""
    return (
        f", while the cores were {percent(efficiency, 1)} busy: fewer images at a time or more cores would shorten them"
    )
