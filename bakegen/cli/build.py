"""``bakegen build``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bakegen.cli.common import json_option, manifest_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakegen.project import Project

_ENGINE_IS_AT_WORK = 0.5  # seconds after which there is time for something else


@click.command("build", short_help="Build images in parallel.")
@click.argument("selection", nargs=-1)
@click.option("--push", "output", flag_value="push", help="Push the selected images to their registry.")
@click.option(
    "--load", "output", flag_value="load", help="Load them into the engine (what a docker builder does anyway)."
)
@click.option("--no-output", "output", flag_value="none", help="Build only: fill the cache, keep no image.")
@click.option("--builder", metavar="NAME", help="Builder to use; default: the current one of docker buildx.")
@click.option("--base", "bases", multiple=True, metavar="NAME=REF", help="Build on REF instead of the base NAME.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="TARGET.KEY=VALUE",
    help="Override a value, as docker buildx bake --set does.",
)
@click.option("--fresh", multiple=True, metavar="IMAGE", help="Run the steps of IMAGE again; cache mounts are kept.")
@click.option(
    "--parents",
    type=click.Choice(["build", "registry"]),
    default="build",
    show_default=True,
    help="Build parents that are not selected, or take them from the registry.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="Grant access beyond the project, as docker buildx bake --allow does.",
)
@manifest_option
@json_option
def verb(selection: tuple[str, ...], manifest: str | None, as_json: bool, output: Any, **words: Any) -> None:  # noqa: ANN401 - the fields of Options
    """Build SELECTION (images, groups, globs; default: the group default) in one bake, all in parallel.

    Writes what `bakegen render` would write, then builds. Each image's log, what BuildKit reported and an
    HTML report are kept in .bakegen/runs/. Ctrl-C cancels on the engine.

    \b
    bakegen build cpu
    bakegen build asr --fresh asr --no-output
    bakegen build 'base*' --push
    """
    from bakegen.engine.client import docker_command
    from bakegen.engine.images import start_tagged
    from bakegen.engine.info import start_inspect

    docker = docker_command()
    builder = start_inspect(docker, words["builder"])  # 0.2 s, during which the rest is imported, loaded and rendered
    tagged = start_tagged(docker)

    import time

    from bakegen.build import build
    from bakegen.build.options import Options, request
    from bakegen.build.stamps import stamped
    from bakegen.cli.common import to_json
    from bakegen.cli.progress import display
    from bakegen.project import load

    project = load(manifest)
    plan = project.plan()
    registry, tag = os.environ.get("REGISTRY"), os.environ.get("TAG")  # bake lets them override its variables
    options = Options(output=output or "default", registry=registry, tag=tag, **words)
    asked = request(plan, plan.select(selection), project.root, options, epoch=str(time.time_ns()))
    for change in project.write():
        click.echo(f"{'removed' if change.new is None else 'wrote'} {change.path}", err=True)
    with _prepared(project.root):
        tell = partial(_report, project)
        result = build(
            stamped(asked, plan, options, os.environ),
            display=display(),
            docker_cmd=docker,
            builder=builder,
            tagged=tagged,
            recorded=tell,
        )
    if as_json:
        click.echo(
            to_json(
                {"run": result.id, "outcome": result.outcome, "images": [image.as_json() for image in result.images]}
            )
        )


@contextmanager
def _prepared(root: Path) -> Iterator[None]:
    """Import what a report needs while the engine is at work: 0.1 s that a build of nothing new would be longer by."""
    from threading import Timer

    def prepare() -> None:
        from bakegen.report import html, text  # noqa: F401 - imported for `_report`

        html.prepare(root)

    timer = Timer(_ENGINE_IS_AT_WORK, prepare)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _report(project: Project, directory: Path) -> None:
    """Write the report of a run and print its lines; whatever goes wrong with that, the build is what it is."""
    from bakegen.build.rundir import RUNS
    from bakegen.cli.common import environments
    from bakegen.report import HTML_FILE, write
    from bakegen.report.text import after_build

    try:
        report = write(directory, directory.parents[2], partial(environments, project))
    except Exception as error:  # noqa: BLE001 - a template of the user's, a full disk: no reason to fail a build
        click.echo(f"there is no report: {error}", err=True)
        return
    for line in after_build(report, (RUNS / directory.name / HTML_FILE).as_posix()):
        click.echo(line, err=True)
