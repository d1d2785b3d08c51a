"""A report as one HTML file that needs nothing else: no network, no fonts, one small script."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from bakegen.build.amounts import size
from bakegen.build.rundir import RUNS
from bakegen.report.timeline import LETTERS, marks, rows
from bakegen.report.words import (
    NOT_MEASURED,
    amount,
    clip,
    difference,
    downloaded,
    growth,
    moment,
    percent,
    plain,
    seconds,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

    from bakegen.report.model import Report

TEMPLATE = "report.html.j2"
_SLOWEST = 20


def page(report: Report, root: Path | None = None) -> str:
    """Return the page; a project's own ``templates/report.html.j2`` below ``root`` goes before bakegen's."""
    from bakegen.render.templates import render

    slow = sorted((s for s in report.steps if s.kind != "internal" and s.seconds), key=lambda s: -s.seconds)
    return render(
        environment(root),
        TEMPLATE,
        report=report,
        rows=rows(report),
        marks=tuple(marks(report.span)),
        letters=LETTERS,
        slowest=slow[:_SLOWEST],
        not_measured=NOT_MEASURED,
    )


def prepare(root: Path | None) -> None:
    """Read and compile the template, so that `page` need not; what is wrong with it, `page` will say."""
    from jinja2 import TemplateError

    with suppress(TemplateError, OSError):
        environment(root).get_template(TEMPLATE)


def project(directory: Path) -> Path | None:
    """Return the project that a run's directory is in; None when it was moved elsewhere."""
    directory = directory.absolute()
    return directory.parents[2] if directory.parent.parts[-2:] == RUNS.parts else None


@cache
def environment(root: Path | None) -> Environment:
    """Return Jinja's environment for HTML: all that is not the template's own is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from bakegen.render.templates import packaged

    own = [root / "templates"] if root else []
    env = Environment(
        loader=FileSystemLoader([*own, *packaged()]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.filters.update(
        seconds=seconds,
        size=size,
        amount=amount,
        growth=growth,
        difference=difference,
        downloaded=downloaded,
        percent=percent,
        moment=moment,
        plain=plain,
        clip=clip,
        csp=_csp,
    )
    return env


def _csp(script: str) -> str:
    """Return the source expression that lets this script run and no other: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
