"""A report as lines of at most 80 columns, and the few that follow every build."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bakegen.build.amounts import size
from bakegen.report.words import (
    NOT_MEASURED,
    amount,
    clip,
    difference,
    downloaded,
    growth,
    percent,
    plain,
    seconds,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bakegen.report.model import CacheRow, Comparison, Report

WIDTH = 80
_ROWS = 20
_WORTH = 0.1  # seconds of difference that are worth a row
_WELL = ("working", "cold")


def text(report: Report) -> str:
    """Return the whole report for a terminal, without a line end at its end."""
    parts = [
        _head(report),
        list(_path(report)),
        _images(report),
        _kinds(report),
        list(_cache_table(report.caches)),
        *([*_comparison(comparison)] for comparison in report.compared),
        [line for word in report.missing for line in _wrap(f"not known: {word}")],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def after_build(report: Report, place: str) -> list[str]:
    """Return the lines below a build's own summary; ``place`` is where the HTML report is."""
    if report.run.outcome != "built":
        return [f"report: {place}"]  # what went wrong is told elsewhere, and first
    lines = [*_path_line(report), *_downloads(report), *_sizes(report)]
    lines += _caches_in_a_line(report.caches)
    lines += [line for cache in report.caches if cache.state not in (*_WELL, None) for line in _trouble(cache)]
    for comparison in report.compared[:1]:
        lines += _wrap(f"{_wall(comparison)} than run {comparison.run}") if comparison.seconds.delta else []
    return [*lines, f"report: {place}"]


def _head(report: Report) -> list[str]:
    whole, number = report.whole, len(report.images)
    images = f"{number} image{'' if number == 1 else 's'} in {seconds(report.seconds)}"
    lines = _wrap(f"run {report.run.id}: {report.run.outcome}, {images}")
    if whole.total:
        lines.append(f"{whole.cached} of {whole.total} distinct steps cached ({percent(whole.cached, whole.total)})")
    return lines


def _path_line(report: Report) -> list[str]:
    names = " > ".join(report.path_images) or "of no image"
    return _wrap(f"critical path {names} {seconds(report.path_seconds)}") if report.path else []


def _path(report: Report) -> Iterator[str]:
    yield from _path_line(report)
    for remark in report.advice:
        yield from _wrap(f"  {remark}", "    ")
    if report.efficiency is not None:
        yield f"  {seconds(report.whole.work)} of work, {report.run.cpus} cores {percent(report.efficiency, 1)} busy"


def _images(report: Report) -> list[str]:
    rows = sorted(report.images, key=lambda image: -image.seconds)[:_ROWS]
    table = [("image", "status", "elapsed", "work", "cached", "apt", "python")]
    table += [
        (
            image.name,
            clip(image.status, 10),
            seconds(image.seconds),
            seconds(image.sums.work),
            f"{image.cached}/{image.total}",
            downloaded(image.sums, "apt"),
            downloaded(image.sums, "python"),
        )
        for image in rows
    ]
    more = [f"and {len(report.images) - len(rows)} images that took less"] if len(report.images) > len(rows) else []
    return [*_columns(table, left=2), *more, *_sizes(report)] if rows else []


def _sizes(report: Report) -> list[str]:
    """Return what the images take in one line, and which adds the most of its own."""
    measured = [(image.name, image.size) for image in report.images if image.size]
    if report.stored is None or not measured:
        return []
    total = sum(found.total for _, found in measured)
    number = f"{len(measured)} image{'' if len(measured) == 1 else 's'}"
    own = max(((found.own, name) for name, found in measured if found.own and found.parent), default=None)
    most = f"; {own[1]} adds the most, {size(own[0])}" if own else ""
    alone = f" ({size(total)} without sharing layers)" if total > report.stored else ""
    return _wrap(f"sizes: {number} in {size(report.stored)}{alone}{most}")


def _kinds(report: Report) -> list[str]:
    whole, work = report.whole, report.whole.work
    notes = {
        "base": f"{size(whole.pulled)} pulled" if whole.pulled else "",
        "context": f"{size(whole.context)} sent",
        "apt": f"{amount(whole.apt)} downloaded" if whole.apt else "download not measured",
        "python": f"{amount(whole.python)} downloaded" if whole.python else "download not measured",
    }
    table = [
        (kind, seconds(spent), percent(spent, work), notes.get(kind, ""))
        for kind, spent in whole.seconds.items()
        if spent
    ]
    lines = [f"{kind:<9} {spent:>11}  {share:>5}  {note}".rstrip() for kind, spent, share, note in table]
    return [f"{'kind':<9} {'seconds':>11}  {'share':>5}", *lines] if lines else []


def _cache_table(caches: Sequence[CacheRow]) -> Iterator[str]:
    if not caches:
        return
    table = [("cache mount", "verdict", "size", "change")]
    table += [(cache.id, cache.state or "not judged", amount(cache.after), growth(cache.delta)) for cache in caches]
    yield from _columns(table, left=2)
    for cache in caches:
        if cache.state not in (*_WELL, None):
            yield from _trouble(cache)


def _trouble(cache: CacheRow) -> Iterator[str]:
    yield from _wrap(f"cache {cache.id} is {cache.state}: {cache.reason}", "    ")
    if cache.fix:
        yield from _wrap(f"    {cache.fix}", "    ")


def _caches_in_a_line(caches: Iterable[CacheRow]) -> list[str]:
    told = [
        f"{plain(cache.id)} {cache.state}" + (f" ({size(cache.after)})" if cache.after is not None else "")
        for cache in caches
        if cache.state
    ]
    return _wrap("caches: " + ", ".join(told), "  ") if told else []


def _downloads(report: Report) -> list[str]:
    whole = report.whole
    tools = (("pip and uv", "python", whole.python), ("apt", "apt", whole.apt))
    ran = {step.kind for step in report.steps if step.state == "executed"}
    told = [f"{amount(value)} by {name}" for name, kind, value in tools if kind in ran and value]
    told += [f"{NOT_MEASURED} for {name}" for name, kind, value in tools if kind in ran and not value]
    return ["downloaded: " + ", ".join(told)] if told else []


def _wall(comparison: Comparison) -> str:
    delta = comparison.seconds.delta or 0.0
    return f"{seconds(abs(delta))} {'more' if delta > 0 else 'less'}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    note = f" ({comparison.note})" if comparison.note else ""
    yield from _wrap(f"compared with run {comparison.run}{note}")
    totals = (comparison.seconds, comparison.path, *comparison.kinds)
    rows = [(c.name, _second(c.before), _second(c.after), difference(c)) for c in totals if c.delta is not None]
    images = [
        image.seconds
        for image in comparison.images
        if image.seconds.delta is None or abs(image.seconds.delta) >= _WORTH
    ]
    images = sorted(images, key=lambda change: -abs(change.delta or 1e9))[:_ROWS]
    rows += [(c.name, _second(c.before), _second(c.after), difference(c)) for c in images]
    yield from _columns([("", "then", "now", "change"), *rows], left=1)


def _second(value: float | None) -> str:
    return "-" if value is None else seconds(value)


def _columns(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Return aligned columns, the first ``left`` of them to the left, figures to the right; the first is cut to fit."""
    room = WIDTH - sum(max(map(len, column)) + 2 for column in list(zip(*rows, strict=True))[1:])
    rows = [(shorten(row[0], room), *row[1:]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _wrap(line: str, hang: str = "  ") -> list[str]:
    lead = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(plain(line), WIDTH, initial_indent=lead, subsequent_indent=hang, break_on_hyphens=False)
