"""A report as GitHub-flavoured Markdown, for the summary of a CI job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakegen.build.amounts import size
from bakegen.report.model import KINDS
from bakegen.report.words import NOT_MEASURED, amount, clip, difference, downloaded, growth, percent, plain, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakegen.report.model import Comparison, Report

#: What Markdown or the HTML in it would read as more than text.
#: https://spec.commonmark.org/0.31.2/#backslash-escapes, https://github.github.com/gfm/#tables-extension-
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&@$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_ROWS, _STEPS, _TEXT = 50, 10, 100


def markdown(report: Report) -> str:
    """Return the report as Markdown; whatever a name or a log holds, it stays one cell of text."""
    parts = [
        [f"### {escaped(_title(report))}"],
        list(_path(report)),
        list(_images(report)),
        list(_caches(report)),
        list(_slowest(report)),
        *(list(_comparison(comparison)) for comparison in report.compared),
        [f"- not known: {escaped(word)}" for word in report.missing],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Return any text as one line of Markdown that shows it."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Iterator[str]:
    """Yield the lines of a table, its first ``left`` columns to the left; every cell is escaped."""
    yield "| " + " | ".join(map(escaped, head)) + " |"
    yield "| " + " | ".join("---" if at < left else "---:" for at in range(len(head))) + " |"
    for row in rows:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"


def _title(report: Report) -> str:
    number, whole = len(report.images), report.whole
    share = (
        f", {whole.cached} of {whole.total} distinct steps cached ({percent(whole.cached, whole.total)})"
        if whole.total
        else ""
    )
    return f"{report.run.outcome}: {number} image{'' if number == 1 else 's'} in {seconds(report.seconds)}{share}"


def _path(report: Report) -> Iterator[str]:
    if report.path:
        names = " > ".join(report.path_images)
        yield f"Critical path **{seconds(report.path_seconds)}**: {escaped(names)}"
        yield ""
        yield from (f"- {escaped(remark)}" for remark in report.advice)
        if report.efficiency is not None:
            yield f"- {report.run.cpus} cores {percent(report.efficiency, 1)} busy, {seconds(report.whole.work)} of work"


def _images(report: Report) -> Iterator[str]:
    kinds = [kind for kind in KINDS[:-1] if report.whole.seconds.get(kind)]
    rows = sorted(report.images, key=lambda image: -image.seconds)[:_ROWS]
    body = [
        (
            clip(image.name, _TEXT),
            image.status,
            seconds(image.seconds),
            f"{image.cached}/{image.total}",
            *(seconds(image.sums.seconds[kind]) for kind in kinds),
            downloaded(image.sums, "apt"),
            downloaded(image.sums, "python"),
            amount(image.size.total if image.size else None),
            amount(image.size.own if image.size else None),
        )
        for image in rows
    ]
    whole = report.whole
    total = [
        "all",
        report.run.outcome,
        seconds(report.seconds),
        f"{whole.cached}/{whole.total}",
        *(seconds(whole.seconds[kind]) for kind in kinds),
        amount(whole.apt),
        amount(whole.python),
        amount(report.stored),
        "",
    ]
    head = ["image", "status", "elapsed", "cached", *kinds, "apt down", "python down", "size", "own"]
    yield from table(head, [*body, total], left=2)
    if len(report.images) > len(rows):
        yield ""
        yield f"{len(report.images) - len(rows)} images that took less are left out."
    yield ""
    unknown = (
        f"Image sizes: {NOT_MEASURED}."
        if report.stored is None
        else "Sizes are unpacked, in all with shared layers once."
    )
    yield f"Context sent: {size(whole.context)}. Bases pulled: {size(whole.pulled)}. {unknown}"


def _caches(report: Report) -> Iterator[str]:
    if report.caches:
        rows = [
            (clip(c.id, _TEXT), c.state or "not judged", amount(c.after), growth(c.delta) or "-", c.reason, c.fix)
            for c in report.caches
        ]
        yield from table(["cache mount", "verdict", "size", "change", "reason", "what to do"], rows, left=2)


def _slowest(report: Report) -> Iterator[str]:
    steps = sorted((s for s in report.steps if s.kind != "internal" and s.seconds), key=lambda s: -s.seconds)[:_STEPS]
    if steps:
        rows = [(clip(s.title, _TEXT), s.image, s.kind, s.state, seconds(s.seconds)) for s in steps]
        yield "<details><summary>Slowest steps</summary>"
        yield ""
        yield from table(["step", "image", "kind", "state", "seconds"], rows, left=4)
        yield ""
        yield "</details>"


def _comparison(comparison: Comparison) -> Iterator[str]:
    note = f" ({comparison.note})" if comparison.note else ""
    yield f"Compared with run {escaped(comparison.run + note)}:"
    yield ""
    changes = (comparison.seconds, comparison.path, *comparison.kinds, *(image.seconds for image in comparison.images))
    rows = [
        (clip(c.name, _TEXT), *("-" if v is None else seconds(v) for v in (c.before, c.after)), difference(c))
        for c in changes[:_ROWS]
    ]
    yield from table(["", "then", "now", "change"], rows)
