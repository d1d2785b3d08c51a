"""``bakegen list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakegen.cli.common import columns, json_option, manifest_option, to_json

if TYPE_CHECKING:
    from bakegen.project import Project


@click.command("list", short_help="List images with target, parent and tags.")
@click.argument("selection", nargs=-1)
@click.option("--groups", is_flag=True, help="List groups and their images instead.")
@click.option("--bases", is_flag=True, help="List external images instead: digest, since when, which images use them.")
@manifest_option
@json_option
def verb(selection: tuple[str, ...], groups: bool, bases: bool, manifest: str | None, as_json: bool) -> None:
    """List the images of the family, or those that SELECTION (images, groups, globs) names; parents come first.

    \b
    bakegen list
    bakegen list gpu --json
    bakegen list --bases
    """
    from bakegen.project import load
    from bakegen.views import rows

    if bases:
        if groups or selection:
            raise click.UsageError("--bases lists every external image: give it alone")
        _bases(load(manifest), as_json=as_json)
        return
    plan = load(manifest).plan()
    if groups:
        table = [{"group": name, "images": list(members)} for name, members in plan.groups]
        text = columns([("GROUP", "IMAGES"), *((name, " ".join(members)) for name, members in plan.groups)])
    else:
        table = rows(plan, plan.select(selection or ["*"]))
        registry = f"{plan.family.registry}/"  # said once in the manifest, and in every row of the JSON
        cells = [
            (
                str(row["image"]),
                str(row["target"]),
                str(row["from"]),
                next(iter(row["tags"]), "").removeprefix(registry),
            )
            for row in table
        ]
        text = columns([("IMAGE", "TARGET", "FROM", "TAG"), *cells])
    click.echo(to_json(table) if as_json else text)


def _bases(project: Project, *, as_json: bool) -> None:
    """Print every external image with what the lock knows of it."""
    from datetime import UTC, datetime

    from bakegen.locking.report import bases
    from bakegen.locking.wanted import wanted

    table = bases(wanted(project.with_lock(None).plan()), project.lock, datetime.now(UTC))
    if as_json:
        click.echo(to_json(table))
        return
    cells = [
        (
            str(row["locked"] or row["reference"]),  # with the tag that it is locked to
            (row["digest"] or "not locked").removeprefix("sha256:")[:12],
            "" if row["days"] is None else str(row["days"]),
            str(len(row["images"])),
        )
        for row in table
    ]
    click.echo(columns([("REFERENCE", "DIGEST", "DAYS", "IMAGES"), *cells]))
