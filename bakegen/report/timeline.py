"""Where everything on the timeline stands: rows of images, lanes in a row, bars in a lane. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakegen.build.amounts import size
from bakegen.report.words import amount, clip, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bakegen.report.model import Report, StepRow

#: A letter a kind, so that no one has to tell colours apart.
LETTERS = {
    "base": "B",
    "apt": "A",
    "python": "P",
    "copy": "C",
    "context": "X",
    "export": "E",
    "other": "R",
}
_TITLE = 90


@dataclass(frozen=True, slots=True)
class Bar:
    """One run of a step; ``left`` and ``width`` are percent of the timeline, ``label`` is what is read out."""

    kind: str
    letter: str
    state: str
    on_path: bool
    left: str
    width: str
    title: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One image: bars that overlap in time stand in lanes of their own."""

    name: str
    detail: str
    on_path: bool
    lanes: tuple[tuple[Bar, ...], ...]


def rows(report: Report) -> tuple[Row, ...]:
    """Return the images in the order in which they began, each with the steps it is charged for; those without last."""
    spans: dict[str, list[tuple[float, float, StepRow]]] = defaultdict(list)
    for step in report.steps:
        if step.kind != "internal":
            spans[step.image].extend((start, end, step) for start, end in step.spans)
    details = {
        image.name: f"{seconds(image.seconds)}, {image.cached} of {image.total} cached" for image in report.images
    }
    names = sorted(details, key=lambda name: min((start for start, _, _ in spans[name]), default=float("inf")))
    if spans[""]:
        names.append("")
    return tuple(
        Row(
            clip(name, _TITLE) if name else "no image's own",
            details.get(name, ""),
            name in report.path_images,
            tuple(tuple(_bar(report, *span) for span in lane) for lane in _lanes(spans[name])),
        )
        for name in names
    )


def marks(span: float, wanted: int = 6) -> Iterator[tuple[str, str]]:
    """Yield the marks of the time axis: position in percent, and text; about as many as wanted, at round seconds."""
    if span <= 0:
        return
    step = next_round(span / wanted)
    for number in range(int(span / step) + 1):
        yield _number(100 * number * step / span), f"{number * step:g} s"


def next_round(value: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, ... and their fractions that is no less than ``value``."""
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 < value:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10, 100) if power * factor >= value)


def _lanes(spans: Iterable[tuple[float, float, StepRow]]) -> list[list[tuple[float, float, StepRow]]]:
    """Return spans in as few lanes as hold them side by side, each in the first that is free when it begins."""
    lanes: list[list[tuple[float, float, StepRow]]] = []
    for span in sorted(spans, key=lambda span: span[:2]):
        lane = next((lane for lane in lanes if lane[-1][1] <= span[0]), None)
        if lane is None:
            lanes.append([span])
        else:
            lane.append(span)
    return lanes


def _bar(report: Report, start: float, end: float, step: StepRow) -> Bar:
    whole = report.span or 1.0
    title = clip(step.title, _TITLE)
    return Bar(
        step.kind,
        LETTERS.get(step.kind, "?"),
        step.state.replace(" ", "-"),
        step.on_path,
        _number(100 * start / whole),
        _number(100 * (end - start) / whole),
        title,
        f"{title}: {', '.join(_facts(step))}",
    )


def _facts(step: StepRow) -> Iterator[str]:
    yield seconds(step.seconds)
    yield step.state
    yield step.kind
    if step.downloaded is not None:
        yield f"{amount(step.downloaded)} downloaded"
    if step.moved:
        yield f"{size(step.moved)} moved"
    if step.on_path:
        yield "critical path"
    if others := len(step.images) - 1:
        yield f"shared with {others} more"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
