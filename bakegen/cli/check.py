"""``bakegen check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakegen.cli.common import manifest_option, plural, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from bakegen.advice import Finding

_FORMATS = ("text", "json", "sarif", "github")


@click.command("check", short_help="Find what keeps Dockerfiles from caching, or from building the same again.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="Output.")
@click.option("--only", metavar="RULES", help="Only these rules, such as BG001,BG012.")
@manifest_option
def verb(paths: tuple[str, ...], form: str, only: str | None, manifest: str | None) -> None:
    """Check Dockerfiles: those at PATH (files, or directories that are searched), or the hand-written ones of the family.

    With a manifest, here or above, what an image inherits from its parents counts. Nothing is written. Exit code 1: there
    are findings. docs/rules.md has the rules; "# bakegen: ignore BG012 because ..." above an instruction hides one.

    \b
    bakegen check
    bakegen check docker/legacy/Dockerfile --format github
    bakegen check . --only BG001,BG004
    """
    from bakegen.advice import check
    from bakegen.dockerfiles import chosen

    rules = _rules(only)
    files, root = chosen(paths, manifest)
    found = [
        f for path, (text, around) in files.items() for f in check(path, text, around) if not rules or f.rule in rules
    ]
    if not files:
        click.echo("there is no hand-written Dockerfile in this family", err=True)
    _print(found, form, root)
    if found:
        from bakegen.errors import CheckFailed

        fixable = sum(bool(finding.edits) for finding in found)
        tail = f", {fixable} of them certain to be mended by an edit" if fixable else ""
        count = plural(len({finding.path for finding in found}), "file")
        raise CheckFailed(f"{plural(len(found), 'finding')} in {count} of {len(files)}{tail}")


def _rules(only: str | None) -> frozenset[str]:
    """Return the ids that --only names."""
    from bakegen.advice.rules import RULES

    ids = frozenset(filter(None, (only or "").replace(" ", ",").split(",")))
    unknown = sorted(ids - RULES.keys())
    if unknown or (only is not None and not ids):
        raise click.UsageError(f"there is no rule {', '.join(unknown) or repr(only)}; the rules: {', '.join(RULES)}")
    return ids


def _print(found: list[Finding], form: str, root: Path) -> None:
    import os

    from bakegen.advice import formats

    if form == "json":
        click.echo(to_json(formats.as_json(found)))
    elif form == "sarif":
        from importlib.metadata import version

        click.echo(to_json(formats.sarif(found, version("bakegen"))))
    elif form == "github":
        click.echo(formats.github(found), nl=bool(found))
    elif found:
        click.echo(formats.text(found, lambda path: os.path.relpath(root / path)))
