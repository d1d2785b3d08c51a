"""``bakegen schema``."""

from __future__ import annotations

import click

from bakegen.cli.common import to_json


@click.command("schema", short_help="Print the JSON schema of the manifest.")
def verb() -> None:
    """Print the JSON schema of bakegen.yaml, for editors and validators.

    \b
    bakegen schema > bakegen.schema.json
    # first line of bakegen.yaml:
    # yaml-language-server: $schema=./bakegen.schema.json
    """
    from bakegen.family.schema import json_schema

    click.echo(to_json(json_schema()))
