"""``bakegen list``."""

from __future__ import annotations

import click

from bakegen.cli.common import columns, json_option, manifest_option, to_json


@click.command("list", short_help="List images with target, parent and tags.")
@click.argument("selection", nargs=-1)
@click.option("--groups", is_flag=True, help="List groups and their images instead.")
@manifest_option
@json_option
def verb(selection: tuple[str, ...], groups: bool, manifest: str | None, as_json: bool) -> None:
    """List the images of the family, or those that SELECTION (images, groups, globs) names; parents come first.

    \b
    bakegen list
    bakegen list gpu --json
    """
    from bakegen.project import load
    from bakegen.views import rows

    plan = load(manifest).plan()
    if groups:
        table = [{"group": name, "images": list(members)} for name, members in plan.groups]
        text = columns([("GROUP", "IMAGES"), *((name, " ".join(members)) for name, members in plan.groups)])
    else:
        table = rows(plan, plan.select(selection or ["*"]))
        registry = f"{plan.family.registry}/"  # said once in the manifest, and in every row of the JSON
        cells = [
            (str(row["image"]), str(row["target"]), str(row["from"]), str(row["tags"][0]).removeprefix(registry))
            for row in table
        ]
        text = columns([("IMAGE", "TARGET", "FROM", "TAG"), *cells])
    click.echo(to_json(table) if as_json else text)
