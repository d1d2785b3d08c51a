"""A report as JSON, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bakegen.report.model import Change, Comparison, Fetched, ImageRow, Report, StepRow, Sums

#: Changes when a field goes or gets another meaning; a new field does not change it.
VERSION = 1


def document(report: Report) -> dict[str, Any]:
    """Return the report as JSON takes it. Seconds have three decimals, amounts are bytes, null is "not measured"."""
    return {
        "version": VERSION,
        "run": {
            "id": report.run.id,
            "outcome": report.run.outcome,
            "started": report.run.started,
            "output": report.run.output,
            "cpus": report.run.cpus,
        },
        "seconds": _round(report.seconds),
        "span": _round(report.span),
        "efficiency": None if report.efficiency is None else round(report.efficiency, 4),
        "whole": _sums(report.whole),
        "images": [_image(row) for row in report.images],
        "stored": report.stored,
        "steps": [_step(row) for row in report.steps],
        "caches": [{**asdict(row), "images": list(row.images), "delta": row.delta} for row in report.caches],
        "critical_path": {
            "seconds": _round(report.path_seconds) if report.path else None,
            "images": list(report.path_images),
            "steps": [
                {**asdict(step), "seconds": _round(step.seconds), "waited": _round(step.waited)} for step in report.path
            ],
            "advice": list(report.advice),
        },
        "compared": [_comparison(comparison) for comparison in report.compared],
        "missing": list(report.missing),
    }


def _image(row: ImageRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "status": row.status,
        "seconds": _round(row.seconds),
        "steps": {"cached": row.cached, "total": row.total, "shared": row.shared},
        "charged": _sums(row.sums),
        "size": None if row.size is None else {"bytes": row.size.total, "parent": row.size.parent, "own": row.size.own},
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "steps": {"cached": sums.cached, "total": sums.total},
        "seconds": {kind: _round(value) for kind, value in sums.seconds.items()},
        "downloaded": {"apt": _fetched(sums.apt), "python": _fetched(sums.python)},
        "context": sums.context,
        "pulled": sums.pulled,
    }


def _step(row: StepRow) -> dict[str, Any]:
    return {
        "title": row.title,
        "kind": row.kind,
        "images": list(row.images),
        "state": row.state,
        "seconds": _round(row.seconds),
        "spans": [[_round(start), _round(end)] for start, end in row.spans],
        "moved": row.moved,
        "downloaded": _fetched(row.downloaded),
        "critical": row.on_path,
        "error": row.error,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "run": comparison.run,
        "note": comparison.note,
        "seconds": _change(comparison.seconds),
        "critical_path": _change(comparison.path),
        "cached": _change(comparison.cached),
        "kinds": {change.name.removesuffix(" steps"): _change(change) for change in comparison.kinds},
        "images": {
            image.seconds.name: {
                **_change(image.seconds),
                "kinds": {change.name.removesuffix(" steps"): _change(change) for change in image.kinds},
            }
            for image in comparison.images
        },
    }


def _change(change: Change) -> dict[str, float | None]:
    return {"before": _rounded(change.before), "after": _rounded(change.after), "delta": _rounded(change.delta)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else _round(value)


def _fetched(value: Fetched | None) -> dict[str, Any] | None:
    return None if value is None else {"bytes": value.bytes, "exact": value.exact}


def _round(value: float) -> float:
    return round(value, 3)
