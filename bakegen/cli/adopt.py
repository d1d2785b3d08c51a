"""``bakegen adopt``."""

from __future__ import annotations

from pathlib import Path

import click

from bakegen.cli.common import plural


@click.command("adopt", short_help="Take in an existing bake or compose file.")
@click.option("--from-bake", "bake", multiple=True, metavar="FILE", help="Take in a bake file; several are merged.")
@click.option("--from-compose", "compose", multiple=True, metavar="FILE", help="Take in what compose files build.")
@click.option("--var", "words", multiple=True, metavar="NAME=VALUE", help="Value of a variable of these files.")
@click.option("--write", is_flag=True, help="Write bakegen.yaml and docker-bake.hcl here.")
@click.option("--force", is_flag=True, help="With --write: replace a bakegen.yaml that is there.")
def verb(bake: tuple[str, ...], compose: tuple[str, ...], words: tuple[str, ...], write: bool, force: bool) -> None:
    """Turn a bake file into a manifest whose bake file has the same targets and groups, with the same values.

    The values are those that `docker buildx bake --print` computes. Variables have their defaults, or what --var gives
    them; never what the environment says, which may hold secrets. Nothing is written without --write.

    \b
    bakegen adopt --from-bake docker-bake.hcl             show what would be written
    bakegen adopt --from-bake docker-bake.hcl --write
    bakegen adopt --from-bake docker/vars.hcl --from-bake docker/bake.hcl --var TAG=v1
    bakegen adopt --from-compose compose.yaml --write
    """
    if bool(bake) == bool(compose):
        raise click.UsageError("give --from-bake FILE or --from-compose FILE")
    pairs = {name: value for name, equals, value in (word.partition("=") for word in words) if name and equals}
    if len(pairs) < len(words):
        raise click.UsageError("--var takes NAME=VALUE, each name once")
    import os
    from datetime import UTC, datetime

    from bakegen.adopt import from_bake
    from bakegen.engine.client import docker_command
    from bakegen.files import unified_diff
    from bakegen.render import BAKE_FILE

    files, root = [Path(file) for file in bake or compose], Path.cwd()
    asked = from_bake.Asked(os.environ, pairs, compose=bool(compose))
    intake = from_bake.from_bake(files, root, docker_command(), asked)
    todo = from_bake.changes(intake, root, files, force=force or not write)
    if write:
        from_bake.write(todo, root, datetime.now(UTC))
    for change in todo:
        click.echo(f"wrote {change.path}" if write else unified_diff(change), err=write, nl=write)
    for note in intake.notes:
        click.echo(f"note: {note}", err=True)
    sums = f"{plural(intake.images, 'image')} and {plural(intake.groups, 'group')}"
    click.echo(f"{sums}: buildx prints of the rendered {BAKE_FILE} what it prints of the original", err=True)
    click.echo("`bakegen adopt --undo` takes it back" if write else "nothing written; --write does", err=True)
