"""What a run means for its user: from its directory to a Report, and to terminal, JSON, Markdown and HTML."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from bakegen.report.compare import Figures, compare, figures, figures_of
from bakegen.report.document import VERSION, document
from bakegen.report.find import previous
from bakegen.report.fold import report
from bakegen.report.read import read
from bakegen.trace.path import critical_path, efficiency
from bakegen.verdicts.judge import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bakegen.report.model import Report

__all__ = ["HTML_FILE", "JSON_FILE", "build", "write"]
JSON_FILE, HTML_FILE = "report.json", "report.html"


#: Gives what ``verdicts.environment.environments`` says of a family, from variables in the configuration of its images by
#: name; asked only when a step with a cache mount ran.
Environments: TypeAlias = "Callable[[Mapping[str, Mapping[str, str]]], Mapping[str, Mapping[str, str]]]"


def _unknown(_: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    return {}


def build(directory: Path, *others: Path, environments: Environments = _unknown) -> Report:
    """Return the report of the run in ``directory``, compared with the previous run like it and with ``others``.

    Without ``environments``, a cache mount that a variable switches off is only judged by what was downloaded and kept.
    What is damaged or missing in the record is in ``Report.missing``. Raises FilesError when it cannot be read.
    """
    found = _build(directory, environments)
    mine = figures(found)
    before = previous(directory)
    runs = dict.fromkeys(path.absolute() for path in (before, *others) if path is not None)
    return replace(found, compared=tuple(compare(mine, _figures(path)) for path in runs))


def write(directory: Path, root: Path | None = None, environments: Environments = _unknown) -> Report:
    """Write report.html and report.json of a run into its directory, and return the report."""
    from bakegen.report.html import page

    found = build(directory, environments=environments)
    for name, text in ((JSON_FILE, json.dumps(document(found)) + "\n"), (HTML_FILE, page(found, root))):
        part = directory / f"{name}.part"
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(directory / name)
    return found


def _build(directory: Path, environments: Environments = _unknown) -> Report:
    record = read(directory)
    used = any(step.executed and step.caches for step in record.trace.steps)
    judged = verdicts(record.trace, record.before, record.after, environments(record.variables) if used else {})
    links = critical_path(record.trace)
    share = efficiency(record.trace, record.facts.cpus) if record.facts.cpus else None
    return report(
        record.facts,
        record.trace,
        links,
        share,
        before=record.before,
        after=record.after,
        verdicts=judged,
        missing=record.missing,
        layers=record.layers,
    )


def _figures(directory: Path) -> Figures:
    """Return the figures of an earlier run: from its report.json when that is of this version, else folded again."""
    try:
        found = json.loads((directory / JSON_FILE).read_bytes())
        if found["version"] == VERSION:
            return figures_of(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return figures(_build(directory))
