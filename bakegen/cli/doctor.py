"""``bakegen doctor``."""

from __future__ import annotations

import textwrap

import click

from bakegen.cli.common import json_option, to_json

_INDENT, _WIDTH = 20, 80


@click.command("doctor", short_help="Check docker, buildx, the engine, disk and cache limits.")
@click.option("--builder", metavar="NAME", help="Builder to look at; default: the current one.")
@json_option
def verb(builder: str | None, as_json: bool) -> None:
    """Check what a build needs, and say what to do about what it lacks. Exits with 1 when something fails.

    \b
    bakegen doctor
    bakegen doctor --json
    """
    import os
    from dataclasses import asdict

    from bakegen.engine.client import docker_command
    from bakegen.engine.diagnose import diagnose
    from bakegen.engine.info import gather
    from bakegen.errors import CheckFailed

    findings = diagnose(gather(docker_command(), os.environ, builder))
    if as_json:
        click.echo(to_json([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(_row(f"{finding.level:<4}  {finding.title:<14}", finding.detail))
            if finding.next:
                click.echo(_row(" " * _INDENT, f"-> {finding.next}"))
    if any(finding.level == "fail" for finding in findings):
        raise CheckFailed("a build cannot work as things are")


def _row(head: str, text: str) -> str:
    """Return a line that goes on under its own text, 80 columns wide."""
    return textwrap.fill(
        f"{head}  {text}", _WIDTH, subsequent_indent=" " * (_INDENT + 2), break_long_words=False, break_on_hyphens=False
    )
