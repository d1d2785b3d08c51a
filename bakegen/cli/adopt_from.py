"""``bakegen adopt --from-bake`` and ``--from-compose``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bakegen.adopt import from_bake
from bakegen.adopt.from_bake import Asked
from bakegen.cli.common import plural, to_json
from bakegen.engine.client import docker_command
from bakegen.files import unified_diff
from bakegen.render import BAKE_FILE


def take_in(  # noqa: PLR0913 - what the command line says
    names: Sequence[str],
    root: Path,
    given: Mapping[str, str],
    *,
    compose: bool,
    write: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Take bake or compose files in and show, or write, what that comes to."""
    files = [Path(name) for name in names]
    asked = Asked(os.environ, given, compose=compose)
    intake = from_bake.from_bake(files, root, docker_command(), asked)
    todo = from_bake.changes(intake, root, files, force=force or not write)
    if write:
        from_bake.write(todo, root, datetime.now(UTC).replace(microsecond=0))
    if as_json:
        click.echo(to_json({"files": dict(intake.files), "notes": list(intake.notes), "written": write}))
    for change in todo:
        if write:
            click.echo(f"wrote {change.path}", err=True)
        elif not as_json:
            click.echo(unified_diff(change), nl=False)
    for note in intake.notes:
        click.echo(f"note: {note}", err=True)
    sums = f"{plural(intake.images, 'image')} and {plural(intake.groups, 'group')}"
    click.echo(f"{sums}: buildx prints of the rendered {BAKE_FILE} what it prints of the original", err=True)
    end = "to take this back: bakegen adopt --undo" if write else "nothing is written; add --write"
    click.echo(end, err=True)
