"""``bakegen lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakegen.cli.common import json_option, manifest_option, plural, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bakegen.locking.run import Result
    from bakegen.locking.wanted import Wanted
    from bakegen.plan import Plan
    from bakegen.project import Project
    from bakegen.registry.client import Registry


@click.command("lock", short_help="Pin external images by digest, move the pins, check them.")
@click.argument("bases", nargs=-1, metavar="[BASE...]")
@click.option("--upgrade", is_flag=True, help="Move the pins of BASE (names, references, globs; default: all).")
@click.option(
    "--min-age",
    type=click.IntRange(0, 3650),
    metavar="DAYS",
    help="With --upgrade: days a digest must have been known; default: the manifest's lock.min_age, or 0.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 when manifest, lock and files disagree. Offline."
)
@click.option("--remote", is_flag=True, help="With --check: also ask the registries for moved tags and lost digests.")
@click.option("--in-place", is_flag=True, help="Write the digests into hand-written Dockerfiles; prints the diff.")
@click.option(
    "--from-dockerfiles", is_flag=True, help="Take digests that an update bot wrote into generated Dockerfiles."
)
@click.option("--dry-run", is_flag=True, help="Ask and report, write nothing.")
@manifest_option
@json_option
def verb(  # noqa: PLR0913, PLR0917 - the options of a verb
    bases: tuple[str, ...],
    upgrade: bool,
    min_age: int | None,
    check: bool,
    remote: bool,
    in_place: bool,
    from_dockerfiles: bool,
    dry_run: bool,
    manifest: str | None,
    as_json: bool,
) -> None:
    """Pin every external image of the family by digest, in bakegen.lock.

    What is locked stays where it is until --upgrade moves it. An index whose platforms of the family are the same
    is no change. Registries are asked with docker's own credentials.

    \b
    bakegen lock                              new references only
    bakegen lock --upgrade python --min-age 7
    bakegen lock --check                      in CI, offline
    bakegen lock --check --remote             has a tag moved, a digest vanished?
    """
    _sensible(
        [
            (bool(bases) and not upgrade, "BASE is for --upgrade: without it, nothing that is locked moves"),
            (min_age is not None and not upgrade, "--min-age is for --upgrade"),
            (remote and not check, "--remote is for --check"),
            (check and (upgrade or in_place or from_dockerfiles or dry_run), "--check writes nothing: give it alone"),
            (
                from_dockerfiles and (upgrade or in_place),
                "--from-dockerfiles goes alone: it moves what the bot has moved",
            ),
        ]
    )
    from bakegen.locking.wanted import wanted
    from bakegen.project import load

    project = load(manifest)
    plan = project.with_lock(None).plan()
    wants = wanted(plan, project.manifest.source)
    _tell_unclear(plan)
    if check:
        _check(project, wants, remote=remote, as_json=as_json)
        return
    from datetime import UTC, datetime

    from bakegen.locking.run import Asked, run

    now = datetime.now(UTC).replace(microsecond=0)
    with registry_of(project) as registry:
        result = run(project, wants, Asked(upgrade, bases, min_age, in_place, from_dockerfiles), registry, now)
    done = () if dry_run else result.apply()  # before anything is printed: a closed pipe must not keep it from the disk
    _show(result, wants, now, as_json=as_json)
    for change in done:
        click.echo(f"wrote {change.path}", err=True)
    if dry_run:
        click.echo("nothing written", err=True)
    elif len(done) > 1 or any(step.state in {"locked", "moved"} for step in result.steps):
        click.echo("next: bakegen render (bakegen build renders by itself)", err=True)


def _sensible(rules: list[tuple[bool, str]]) -> None:
    for broken, text in rules:
        if broken:
            raise click.UsageError(text)


def registry_of(project: Project) -> Registry:
    """Return a client for the registries, with the user's credentials and the manifest's mirrors."""
    import os

    from bakegen.engine.credentials import docker_credentials
    from bakegen.registry.client import Registry

    told: set[str] = set()

    def on_wait(host: str, seconds: float) -> None:
        line = f"{host}: next try in {seconds:.0f} s"
        if line not in told:  # many requests wait for one host
            told.add(line)
            click.echo(line, err=True)

    settings = project.family.registries
    return Registry(
        docker_credentials(os.environ),
        mirrors=project.family.mirrors,
        plain_http=[host for host, value in settings.items() if value.plain_http],
        on_wait=on_wait,
    )


def _tell_unclear(plan: Plan) -> None:
    notes = (
        f"note: {image.shown}:{item.line}:{item.column}: {item.text} cannot be locked: {item.why}"
        for image in plan.images
        for item in image.unclear
    )
    for note in dict.fromkeys(notes):  # images may share a Dockerfile
        click.echo(note, err=True)


def _check(project: Project, wants: Mapping[str, Wanted], *, remote: bool, as_json: bool) -> None:
    """Print what disagrees and exit with 1, or say that all is well."""
    from datetime import UTC, datetime

    from bakegen.errors import CheckFailed, RegistryError
    from bakegen.locking import check

    problems, silent = check.offline(project, wants), None
    if remote and project.lock:
        try:
            with registry_of(project) as registry:
                problems += check.remote(wants, project.lock, registry, project.family.lock, datetime.now(UTC))
        except RegistryError as error:
            silent = error
            problems += error.problems
    if as_json:
        click.echo(to_json([problem.as_json() for problem in problems]))
    if problems:
        raise (RegistryError if silent else CheckFailed)(*problems)
    for written in check.unresolved(wants, project.lock) if project.lock else ():
        click.echo(f"note: {written} has no digest of a platform yet; `bakegen lock` asks the registry", err=True)
    where = "manifest, lock, rendered files" + (" and registries" if remote else "")
    click.echo(f"{where} agree on {plural(len(wants), 'reference')}", err=True)


def _show(result: Result, wants: Mapping[str, Wanted], now: datetime, *, as_json: bool) -> None:
    from bakegen.files import unified_diff
    from bakegen.lock import LOCK
    from bakegen.locking import report

    if as_json:
        files = [change.path for change in result.changes]
        click.echo(to_json({"references": report.as_json(result.steps, wants), "files": files}))
    else:
        for line in report.lines(result.steps, wants, now):
            click.echo(line)
        for change in result.changes:
            if change.path != LOCK:
                click.echo(unified_diff(change), nl=False)
    for where in result.left:
        click.echo(f"note: {where}: its value comes from elsewhere; the bake file leads it to its digest", err=True)
