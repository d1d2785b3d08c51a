"""``bakegen graph``."""

from __future__ import annotations

import click

from bakegen.cli.common import manifest_option


@click.command("graph", short_help="Show which image is built from which.")
@click.argument("selection", nargs=-1)
@click.option(
    "--format", "form", type=click.Choice(["tree", "mermaid", "dot", "json"]), default="tree", show_default=True
)
@manifest_option
def verb(selection: tuple[str, ...], form: str, manifest: str | None) -> None:
    """Show which image is built from which, for the whole family or for SELECTION and what it stands on.

    \b
    bakegen graph
    bakegen graph gpu --format mermaid
    """
    from bakegen.project import load
    from bakegen.views import FORMATS

    plan = load(manifest).plan()
    click.echo(FORMATS[form](plan, plan.select(selection or ["*"])))
