"""``bakegen render``."""

from __future__ import annotations

import click

from bakegen.cli.common import manifest_option, plural


@click.command("render", short_help="Write Dockerfiles, docker-bake.hcl and .dockerignore.")
@manifest_option
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 and a diff when the files have drifted.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def verb(manifest: str | None, check: bool, diff: bool) -> None:
    """Write the files that the manifest describes: all of them or none, and only those that change.

    A file that bakegen did not write is never overwritten.

    \b
    bakegen render
    bakegen render --check      in CI: have the committed files drifted?
    """
    from bakegen.errors import CheckFailed
    from bakegen.files import unified_diff
    from bakegen.project import load

    project = load(manifest)
    if not (check or diff):
        done = project.write()
        for change in done:
            click.echo(f"{'removed' if change.new is None else 'wrote'} {change.path}", err=True)
        click.echo(f"{plural(len(done), 'file')} changed, {len(project.render())} rendered", err=True)
        return
    todo = project.changes()
    for change in todo:
        click.echo(unified_diff(change), nl=False)
    if check and todo:
        raise CheckFailed(f"{plural(len(todo), 'file')} drifted from the manifest; run: bakegen render")
    click.echo(f"{plural(len(todo), 'file')} would change" if todo else "no file would change", err=True)
