"""Two runs side by side: pure. An earlier run is known by its report.json alone, so that it need not be folded again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakegen.report.model import KINDS, Change, Comparison, ImageChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakegen.report.model import Report
    from bakegen.trace.model import Kind

DIGITS = 3  # of a second: as in JSON, so that a run is equal to itself read back


@dataclass(frozen=True, slots=True)
class Figures:
    """What of a run is compared: by kind, and by image its elapsed seconds and the work charged to it by kind."""

    run: str
    output: str
    seconds: float
    path: float | None
    cached: int
    kinds: Mapping[str, float]
    images: Mapping[str, tuple[float, Mapping[str, float]]]


def figures(report: Report) -> Figures:
    """Return the figures of a report."""
    return Figures(
        report.run.id,
        report.run.output,
        round(report.seconds, DIGITS),
        round(report.path_seconds, DIGITS) if report.path else None,
        report.whole.cached,
        _rounded(report.whole.seconds),
        {image.name: (round(image.seconds, DIGITS), _rounded(image.sums.seconds)) for image in report.images},
    )


def figures_of(document: Mapping[str, Any]) -> Figures:
    """Return the figures of a report's JSON; raises KeyError, TypeError, AttributeError or ValueError when it is none."""
    path = document["critical_path"]["seconds"]
    return Figures(
        str(document["run"]["id"]),
        str(document["run"]["output"]),
        float(document["seconds"]),
        None if path is None else float(path),
        int(document["whole"]["steps"]["cached"]),
        {str(kind): float(value) for kind, value in document["whole"]["seconds"].items()},
        {
            str(image["name"]): (float(image["seconds"]), {k: float(v) for k, v in image["charged"]["seconds"].items()})
            for image in document["images"]
        },
    )


def _rounded(seconds: Mapping[Kind, float]) -> dict[str, float]:
    return {kind: round(value, DIGITS) for kind, value in seconds.items()}


def compare(now: Figures, before: Figures) -> Comparison:
    """Return what is different now."""
    names = tuple(dict.fromkeys((*now.images, *before.images)))
    return Comparison(
        run=before.run,
        seconds=Change("wall", before.seconds, now.seconds),
        path=Change("critical path", before.path, now.path),
        cached=Change("cached steps", before.cached, now.cached),
        kinds=_kinds(before.kinds, now.kinds),
        images=tuple(_image(name, before, now) for name in names),
        note=_note(now, before),
    )


def _image(name: str, before: Figures, now: Figures) -> ImageChange:
    old, new = before.images.get(name), now.images.get(name)
    return ImageChange(
        Change(name, old[0] if old else None, new[0] if new else None),
        _kinds(old[1], new[1]) if old and new else (),
    )


def _kinds(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Change, ...]:
    return tuple(
        Change(f"{kind} steps", before.get(kind, 0.0), now.get(kind, 0.0))
        for kind in KINDS
        if before.get(kind, 0.0) or now.get(kind, 0.0)
    )


def _note(now: Figures, before: Figures) -> str:
    """Return what makes the runs unlike."""
    unlike = []
    if now.images.keys() != before.images.keys():
        unlike.append("other images")
    if now.output != before.output:
        unlike.append(f"other output ({before.output or 'unknown'} then, {now.output or 'unknown'} now)")
    return ", ".join(unlike)
