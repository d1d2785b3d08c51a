"""``bakegen matrix``."""

from __future__ import annotations

import click

from bakegen.cli.common import manifest_option, to_json


@click.command("matrix", short_help="Print the selection as a GitHub Actions matrix, in stages.")
@click.argument("selection", nargs=-1)
@click.option("--github-output", is_flag=True, help="Print lines for $GITHUB_OUTPUT: stage1=..., stage2=... .")
@click.option(
    "--stages", "stage_count", type=click.IntRange(1, 50), default=4, show_default=True, help="Stages the workflow has."
)
@click.option(
    "--max-jobs",
    type=click.IntRange(2, 256),
    default=256,
    show_default=True,
    help="Jobs a stage; more images share jobs.",
)
@manifest_option
def verb(
    selection: tuple[str, ...], github_output: bool, stage_count: int, max_jobs: int, manifest: str | None
) -> None:
    """Print the images as one matrix a dependency stage: each stage needs only those before it.

    \b
    bakegen matrix gpu
    bakegen matrix --github-output >> "$GITHUB_OUTPUT"
    """
    from bakegen.ci import matrix
    from bakegen.project import load

    plan = load(manifest).plan()
    found = matrix.stages(plan, plan.select(selection), max_jobs=max_jobs)
    if github_output:
        click.echo(matrix.github_outputs(found, stages_in_workflow=stage_count))
    else:
        click.echo(to_json(matrix.to_json(found)))
