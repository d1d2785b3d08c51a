"""``bakegen cache``: ls, prune, export, import."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bakegen.cli.common import json_option, manifest_option, plural, to_json

if TYPE_CHECKING:
    from bakegen.caches.scope import Scope
    from bakegen.caches.transfer import Engine

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def _builder_option(verb: _Verb) -> _Verb:
    return click.option("--builder", metavar="NAME", help="Builder to look at; default: the current one.")(verb)


def _choice_options(verb: _Verb) -> _Verb:
    by_id = click.option(
        "--id", "ids", multiple=True, metavar="ID", help="Mounts with this id, or that match this glob."
    )
    by_image = click.option(
        "--image", "images", multiple=True, metavar="IMAGE", help="Mounts that these use (images, groups, globs)."
    )
    return by_id(by_image(verb))


def _using_options(verb: _Verb) -> _Verb:
    using = click.option("--using", metavar="REF", help="Image whose sh, cp and tar are used; default: the first base.")
    base = click.option("--base", "bases", multiple=True, metavar="NAME=REF", help="Use REF instead of the base NAME.")
    return using(base(verb))


@click.group("cache", short_help="List, prune, export and import the family's cache mounts.")
def verb() -> None:
    """Look after the cache mounts that the family's steps use, and nobody else's.

    \b
    bakegen cache ls
    bakegen cache prune --unused 30 --dry-run
    bakegen cache export caches.tar
    """


@verb.command("ls", short_help="List the family's cache mounts.")
@click.argument("selection", nargs=-1)
@_builder_option
@manifest_option
@json_option
def list_mounts(selection: tuple[str, ...], builder: str | None, manifest: str | None, as_json: bool) -> None:
    """List the cache mounts of the family, or those that SELECTION (images, groups, globs) uses, largest first.

    A mount that the engine does not have (yet, or any more) is absent. LAST USE is days, hours or minutes ago.

    \b
    bakegen cache ls
    bakegen cache ls asr --json
    """
    import time

    from bakegen.build.amounts import size
    from bakegen.cli.cache_view import as_json_entry, table

    scope = _scope(manifest, builder)
    names = set(scope.plan.select(selection or ["*"]))
    entries = [entry for entry in scope.held if not names.isdisjoint(entry.images)]
    if as_json:
        click.echo(to_json([as_json_entry(entry) for entry in entries]))
        return
    click.echo(table(entries, time.time()))
    present = [entry for entry in entries if entry.records]
    total = size(sum(entry.size for entry in present))
    click.echo(f"{plural(len(present), 'mount')}, {total}; {len(entries) - len(present)} absent", err=True)


@verb.command("prune", short_help="Remove cache mounts of the family.")
@_choice_options
@click.option("--unused", type=click.IntRange(1, 3650), metavar="DAYS", help="Of these, what no step used for DAYS.")
@click.option("--all", "everything", is_flag=True, help="Every mount of the family.")
@click.option("--dry-run", is_flag=True, help="Show what would go, remove nothing.")
@_builder_option
@manifest_option
@json_option
def prune_mounts(  # noqa: PLR0913, PLR0917 - the options of a verb
    ids: tuple[str, ...],
    images: tuple[str, ...],
    unused: int | None,
    everything: bool,
    dry_run: bool,
    builder: str | None,
    manifest: str | None,
    as_json: bool,
) -> None:
    """Remove cache mounts of the family from the engine; a mount that a step uses just now stays.

    A mount that several images use goes for all of them. Mounts of ids that no image of the family uses are never
    touched.

    \b
    bakegen cache prune --unused 30
    bakegen cache prune --image asr --dry-run
    bakegen cache prune --all
    """
    import time

    from bakegen.caches.choose import Choice, check, to_prune
    from bakegen.caches.remove import remove
    from bakegen.cli.cache_view import FORGETS, pruned
    from bakegen.engine.client import docker_command

    choice = Choice(ids, images, unused, everything)
    check(choice)
    scope = _scope(manifest, builder)
    choice = Choice(ids, scope.plan.select(images) if images else (), unused, everything)
    going = to_prune(scope.held, choice, time.time())
    stayed = () if dry_run else remove(docker_command(), going, builder)
    pruned(going, stayed, dry_run=dry_run, as_json=as_json)
    if going and scope.forgets:
        click.echo(FORGETS, err=True)


@verb.command("export", short_help="Write the contents of mounts to an archive.")
@click.argument("file", type=click.Path(dir_okay=False))
@_choice_options
@_using_options
@_builder_option
@manifest_option
@json_option
def export_mounts(  # noqa: PLR0913, PLR0917 - the options of a verb
    file: str,
    ids: tuple[str, ...],
    images: tuple[str, ...],
    using: str | None,
    bases: tuple[str, ...],
    builder: str | None,
    manifest: str | None,
    as_json: bool,
) -> None:
    """Write the contents of the family's mounts to FILE, a tar archive; a name that ends in .gz makes it a gzip.

    FILE is written whole or not at all. The engine needs twice the mounts' size for the time of the export.

    \b
    bakegen cache export caches.tar
    bakegen cache export caches.tar --image asr
    """
    import time
    from contextlib import closing
    from pathlib import Path

    from bakegen.build.amounts import size
    from bakegen.caches.archive import Manifest
    from bakegen.caches.choose import chosen
    from bakegen.caches.transfer import export, pack
    from bakegen.cli.cache_view import Progress, fitted

    scope = _scope(manifest, builder)
    mounts = chosen(scope.mounts, ids, scope.plan.select(images) if images else ())
    entries = pack(mounts, scope.records)
    if not entries:
        raise click.UsageError("the engine has none of these mounts: build first; `bakegen cache ls` shows them")
    made = Manifest(scope.plan.family.family, scope.platform, time.time(), entries)
    total = sum({entry.use.id: entry.size for entry in entries}.values())
    with closing(Progress(total)) as progress:
        written = export(_engine(scope, builder, using, bases), made, Path(file), progress)
    rows = [(entry.use.id, size(entry.size), ", ".join(entry.images)) for entry in entries]
    if as_json:
        mounts_json = [{"id": entry.use.id, "bytes": entry.size, "images": list(entry.images)} for entry in entries]
        click.echo(to_json({"file": file, "bytes": written, "mounts": mounts_json}))
    else:
        click.echo(fitted([("MOUNT", "SIZE", "IMAGES"), *rows]))
        click.echo(f"wrote {file}, {size(written)}", err=True)


@verb.command("import", short_help="Put an archive's contents into the family's mounts.")
@click.argument("file", type=click.Path(dir_okay=False))
@_choice_options
@_using_options
@_builder_option
@manifest_option
@json_option
def import_mounts(  # noqa: PLR0913, PLR0917 - the options of a verb
    file: str,
    ids: tuple[str, ...],
    images: tuple[str, ...],
    using: str | None,
    bases: tuple[str, ...],
    builder: str | None,
    manifest: str | None,
    as_json: bool,
) -> None:
    """Put the contents of an archive into the family's mounts. What they hold stays; what the archive has is put over it.

    Mounts of the archive that the family does not use (of another architecture, distribution or Python) are left out.
    An archive whose names or links lead out of its mounts is refused as a whole.

    \b
    bakegen cache import caches.tar
    """
    from contextlib import closing
    from pathlib import Path

    from bakegen.build.amounts import size
    from bakegen.caches.choose import chosen
    from bakegen.caches.transfer import restore
    from bakegen.cli.cache_view import Progress, fitted

    scope = _scope(manifest, builder)
    wanted = chosen(scope.mounts, ids, scope.plan.select(images) if images else ())
    with closing(Progress()) as progress:
        done = restore(_engine(scope, builder, using, bases), wanted, Path(file), progress)
    if as_json:
        click.echo(
            to_json({"imported": [entry.use.id for entry in done.taken], "left": [entry.use.id for entry in done.left]})
        )
        return
    rows = [(entry.use.id, size(entry.size), entry.use.target) for entry in done.taken]
    left = [(entry.use.id, size(entry.size), "left out: not a mount that was asked for") for entry in done.left]
    click.echo(fitted([("MOUNT", "SIZE", "TARGET"), *rows, *left]))


def _scope(manifest: str | None, builder: str | None) -> Scope:
    from bakegen.caches.scope import scope
    from bakegen.engine.client import docker_command
    from bakegen.project import load

    return scope(load(manifest), docker_command(), builder)


def _engine(scope: Scope, builder: str | None, using: str | None, bases: tuple[str, ...]) -> Engine:
    from bakegen.caches.scope import tools_image
    from bakegen.caches.transfer import Engine
    from bakegen.engine.client import docker_command

    pairs = [base.partition("=") for base in bases]
    for name, _, ref in pairs:
        if not ref or name not in scope.plan.bases:
            raise click.UsageError(f"--base {name}: give NAME=REF, with one of {', '.join(scope.plan.bases)}")
    return Engine(docker_command(), builder, tools_image(scope.plan, {name: ref for name, _, ref in pairs}, using))
