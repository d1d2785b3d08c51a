"""``bakegen report``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bakegen.cli.common import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakegen.report.model import Report


@click.command("report", short_help="Tell what a build did: time, caches, downloads.")
@click.argument("run", required=False)
@click.option("--compare", metavar="RUN", help="Compare with this run too; the previous one like it always is.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--html", "form", flag_value="html", help="Print one HTML file with a timeline; it needs no network.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown, for the summary of a CI job.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout.")
def verb(run: str | None, compare: str | None, form: str | None, output: str | None) -> None:
    """Tell where the time of RUN went and what its caches did. RUN is an id or a directory; default: the latest.

    Every build is recorded in .bakegen/runs/, the last 20 are kept. Works on what is left of a run that was killed,
    and says what is missing.

    \b
    bakegen report
    bakegen report --html -o report.html
    bakegen report 20261123-193000 --compare 20261122-101500
    bakegen report --markdown >> "$GITHUB_STEP_SUMMARY"
    """
    from bakegen.report import build
    from bakegen.report.find import find

    here = Path()
    directory = find(here, run)
    others = [find(here, compare)] if compare is not None else []
    text = _text(build(directory, *others, environments=partial(_environments, directory)), form, directory)
    if output is None:
        click.echo(text)
    else:
        _write(Path(output), text + "\n")


def _environments(directory: Path, built: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return the environments of the run's family as it is now; nothing where its manifest is gone or damaged."""
    from bakegen.cli.common import environments
    from bakegen.errors import BakegenError
    from bakegen.project import load

    try:
        return environments(load(directory.absolute().parents[2]), built)
    except (BakegenError, IndexError):
        return {}


def _text(report: Report, form: str | None, directory: Path) -> str:
    """Return the report in the form that was asked for, without a line end at its end."""
    if form == "json":
        from bakegen.report.document import document

        return to_json(document(report))
    if form == "html":
        from bakegen.report.html import page, project

        return page(report, project(directory)).rstrip("\n")
    if form == "markdown":
        from bakegen.report.markdown import markdown

        return markdown(report).rstrip("\n")
    from bakegen.report.text import text

    return text(report)


def _write(path: Path, text: str) -> None:
    from bakegen.errors import FilesError, Problem

    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FilesError(Problem(f"the report cannot be written: {why}: {path}")) from error
