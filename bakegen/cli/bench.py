"""``bakegen bench``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bakegen.cli.common import manifest_option

if TYPE_CHECKING:
    from bakegen.bench.model import Results

# as in bench/model.py, whose import is left to the verb
_SCENARIOS = (
    "cold",
    "unchanged",
    "one-source",
    "light-requirement",
    "common-requirement",
    "base-bump",
    "torch-bump",
)


@click.command("bench", short_help="Measure what the family gains over builds by hand.")
@click.argument("selection", nargs=-1)
@click.option(
    "--scenario", "scenarios", multiple=True, type=click.Choice(_SCENARIOS), help="What to measure; default: all."
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    default=("plain", "phase1"),
    show_default=True,
    metavar="plain|phase1|FILE",
    help="What to measure against; FILE is a shell script that builds.",
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=3, show_default=True, help="How often to measure each.")
@click.option(
    "--json", "json_file", metavar="FILE", help="Write the results as JSON, after the rounds that FILE has already."
)
@click.option("--markdown", "markdown_file", metavar="FILE", help="Write the results as a Markdown table.")
@click.option("--base", "bases", multiple=True, metavar="NAME=REF", help="Build on REF instead of the base NAME.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="TARGET.KEY=VALUE",
    help="Override a value, as docker buildx bake --set does; baselines take TARGET.args.NAME.",
)
@click.option(
    "--package", metavar="NAME==VERSION", help="What the requirement scenarios add; default: a wheel of 5 kB."
)
@manifest_option
def verb(
    manifest: str | None, json_file: str | None, markdown_file: str | None, package: str | None, **words: object
) -> None:
    """Time builds of SELECTION (images, groups, globs; default: the group default) against builds by hand.

    Everything is built from copies of the project, under tags, bases and cache mounts of the bench's own, which are
    removed afterwards. `plain` is one docker build after the other without cache mounts, `phase1` adds the usual mounts
    for pip and apt. Ctrl-C cleans up and shows what was measured.

    \b
    bakegen bench cpu
    bakegen bench cpu --scenario one-source --baseline plain --rounds 5
    bakegen bench --json bench.json --markdown bench.md
    bakegen bench --rounds 1 --baseline plain --json bench.json
    """
    from bakegen.bench.bench import PACKAGE, Earlier, Wanted, bench
    from bakegen.bench.record import as_json, read
    from bakegen.bench.results import markdown, notes, rows
    from bakegen.cli.common import columns, to_json
    from bakegen.engine.client import docker_command
    from bakegen.errors import BuildFailed, Cancelled, FilesError
    from bakegen.project import load

    for path in filter(None, (json_file, markdown_file)):
        if not Path(path).absolute().parent.is_dir():
            raise FilesError(f"{path} cannot be written: there is no such directory")
        if Path(path).is_dir() or not os.access(path if Path(path).exists() else Path(path).absolute().parent, os.W_OK):
            raise FilesError(f"{path} cannot be written: it is a directory, or permission is denied")
    text = _text(json_file) if json_file else ""
    earlier = Earlier(json_file, read(text, json_file)) if json_file and text else None
    wanted = Wanted(package=package or PACKAGE, **words)  # type: ignore[arg-type]  # click has checked the types

    def save(results: Results) -> None:
        if json_file:
            _write(json_file, to_json(as_json(results)) + "\n")
        if markdown_file:
            _write(markdown_file, markdown(results))

    results = bench(load(manifest), wanted, docker_command(), lambda line: click.echo(line, err=True), earlier, save)
    click.echo(columns(rows(results)))
    for note in notes(results):
        click.echo(note)
    save(results)
    if results.stopped:
        raise Cancelled("stopped; the figures are those of the rounds before")
    if failed := sorted({scenario for scenario, side in results.errors if side == "bakegen"}):
        raise BuildFailed(f"bakegen did not build in: {', '.join(failed)}")


def _text(path: str) -> str:
    """Return what is in a file already; "" where there is none, or no file that could be read twice."""
    from bakegen.errors import FilesError

    try:
        return Path(path).read_text(encoding="utf-8-sig") if Path(path).is_file() else ""
    except (OSError, ValueError) as error:
        raise FilesError(f"{path} cannot be read: {error}") from error


def _write(path: str, text: str) -> None:
    """Write a file whole, so that hours of figures survive a full disk; what is no regular file is written as it is."""
    from bakegen.errors import FilesError

    target = Path(path).resolve()
    beside = target.with_name(f".{target.name}.new")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FilesError(f"{path} cannot be written: {error}") from error
