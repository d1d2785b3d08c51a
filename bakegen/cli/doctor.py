"""``bakegen doctor``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from bakegen.cli.common import json_option, manifest_option, to_json

if TYPE_CHECKING:
    from bakegen.engine.gc import Needed

_INDENT, _WIDTH = 20, 80


@click.command("doctor", short_help="Check docker, buildx, the engine, disk and cache limits.")
@click.option("--builder", metavar="NAME", help="Builder to look at; default: the current one.")
@manifest_option
@json_option
def verb(builder: str | None, manifest: str | None, as_json: bool) -> None:
    """Check what a build needs, and say what to do about what it lacks. Exits with 1 when something fails.

    Where there is a manifest, the engine's cache limits are held against the sizes of the family's cache mounts.

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

    docker = docker_command()
    info = gather(docker, os.environ, builder)
    findings = diagnose(info, _needed(docker, builder, manifest) if info.builder and info.builder.gc else None)
    if as_json:
        click.echo(to_json([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(_row(f"{finding.level:<4}  {finding.title:<14}", finding.detail))
            if finding.next:
                click.echo(_row(" " * _INDENT, f"-> {finding.next}"))
            if finding.setting:
                click.echo(textwrap.indent(finding.setting, " " * (_INDENT + 5)))
    if any(finding.level == "fail" for finding in findings):
        raise CheckFailed("a build cannot work as things are")


def _needed(docker: tuple[str, ...], builder: str | None, manifest: str | None) -> Needed | None:
    """Return what the cache mounts of the family take; None where there is no family, or nothing to go by yet."""
    from bakegen.caches.scope import scope
    from bakegen.engine.gc import ASSUMED, Needed
    from bakegen.errors import BakegenError
    from bakegen.project import load

    try:
        held = scope(load(manifest), docker, builder).held
    except BakegenError:
        if manifest:
            raise
        return None
    size, absent = sum(entry.size for entry in held), any(not entry.records for entry in held)
    return Needed(size, known=True) if size and not (absent and size < ASSUMED) else None


def _row(head: str, text: str) -> str:
    """Return a line that goes on under its own text, 80 columns wide."""
    return textwrap.fill(
        f"{head}  {text}", _WIDTH, subsequent_indent=" " * (_INDENT + 2), break_long_words=False, break_on_hyphens=False
    )
