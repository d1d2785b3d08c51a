"""``bakegen adopt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bakegen.cli.common import json_option, plural, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakegen.adopt.run import Work
    from bakegen.errors import Problem


@click.command("adopt", short_help="Take in a repository of hand-written Dockerfiles, with the smallest edits.")
@click.argument("path", required=False, default=".", metavar="[PATH]")
@click.option("--write", is_flag=True, help="Edit the Dockerfiles; write bakegen.yaml, bakegen.lock, docker-bake.hcl.")
@click.option("--undo", is_flag=True, help="Give every file of the last --write back what it held, to the byte.")
@click.option(
    "--only", metavar="RULES", help="Make the edits of these rules only, such as BG012,BG020; none: no edits."
)
@click.option("--skip", metavar="GLOB", multiple=True, help="Leave paths alone, such as examples; may be repeated.")
@click.option(
    "--set", "given", metavar="NAME=VALUE", multiple=True, help="A value for a variable that no file gives one."
)
@click.option("--from-bake", metavar="FILE", multiple=True, help="Take in a bake file instead; several are merged.")
@click.option("--from-compose", metavar="FILE", multiple=True, help="Take in what compose files build instead.")
@click.option("--no-lock", is_flag=True, help="Ask no registry; `bakegen lock` does so later.")
@click.option("--force", is_flag=True, help="Write although git has changes that are not committed.")
@json_option
def verb(  # noqa: PLR0913, PLR0917 - the options of a verb
    path: str,
    write: bool,
    undo: bool,
    only: str | None,
    skip: tuple[str, ...],
    given: tuple[str, ...],
    from_bake: tuple[str, ...],
    from_compose: tuple[str, ...],
    no_lock: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Find the Dockerfiles below PATH (default: here) and how they are built; show the family, findings and a diff.

    Compose files, scripts, Makefiles and workflows tell names, contexts and arguments; FROM tells who stands on whom.
    Without --write no file changes. Where there is a bakegen.yaml, its Dockerfiles are improved and nothing else is.

    \b
    bakegen adopt
    bakegen adopt --write
    bakegen adopt --only BG012 --write
    bakegen adopt --undo
    bakegen adopt --from-bake docker-bake.hcl --write
    """
    if undo:
        if write or only is not None or skip or given or from_bake or from_compose:
            raise click.UsageError("--undo goes alone, with PATH")
        _undo(Path(path))
        return
    if from_bake or from_compose:
        if (from_bake and from_compose) or only is not None or skip:
            raise click.UsageError("--from-bake and --from-compose go alone, with PATH, --set, --write and --force")
        from bakegen.cli.adopt_from import take_in

        choice = {"compose": bool(from_compose), "write": write, "force": force, "as_json": as_json}
        take_in(from_bake or from_compose, Path(path), _values(given), **choice)
        return
    from bakegen.adopt.listing import listing
    from bakegen.adopt.run import Asked, work

    root = Path(path)
    done = work(root, listing(root), Asked(_rules(only), skip, _values(given)))
    if write and done.changes:
        _written(done, no_lock=no_lock, force=force, as_json=as_json)
        return
    if as_json:
        from bakegen.adopt.view import as_json as json_of

        click.echo(to_json(json_of(done, written=False)))
    else:
        _show(done)
    _tell_end(done)


def _rules(only: str | None) -> frozenset[str] | None:
    """Return the rules of ``--only``; an unknown one is a usage error."""
    if only is None:
        return None
    from difflib import get_close_matches

    from bakegen.advice.rules import RULES

    words = [word.strip().upper() for word in only.split(",") if word.strip()]
    known = set(RULES)
    for word in (word for word in words if word not in known and word != "NONE"):
        close = get_close_matches(word, known, n=1)
        tip = f"did you mean {close[0]}?" if close else "`bakegen check --help` says where they are listed"
        raise click.UsageError(f"no such rule: {word}. {tip}")
    return frozenset(words) - {"NONE"}


def _values(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.UsageError(f"--set takes NAME=VALUE, not {name!r}")
    return {name: value for name, _, value in pairs}


def _written(done: Work, *, no_lock: bool, force: bool, as_json: bool) -> None:
    """Write what is to be written, the lock too where registries answer, and say it."""
    from datetime import UTC, datetime

    from bakegen.adopt.pins import pinned
    from bakegen.adopt.run import check_clean, write
    from bakegen.adopt.view import as_json as json_of
    from bakegen.cli.lock import registry_of

    now = datetime.now(UTC).replace(microsecond=0)
    notice = check_clean(done, force=force)
    unpinned: tuple[Problem, ...] = ()
    if done.adoption and not no_lock:
        with registry_of(done.project) as registry:
            done, unpinned = pinned(done, registry, now)
    write(done, now)
    if as_json:
        click.echo(to_json(json_of(done, written=True)))
    else:
        _show(done, diff=False)
    for change in done.changes:
        click.echo(f"wrote {change.path}", err=True)
    _tell([*([notice] if notice else []), *unpinned])
    if done.adoption and (unpinned or no_lock):
        click.echo(
            "bases are not pinned: bakegen.lock is not written. When registries answer, run: bakegen lock", err=True
        )
    click.echo("next: bakegen build; to take all of this back: bakegen adopt --undo", err=True)


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(f"note: {problem}", err=True)


def _show(done: Work, *, diff: bool = True) -> None:
    from bakegen.adopt.view import edit_lines, finding_lines, note_lines, plan_lines
    from bakegen.files import unified_diff
    from bakegen.render import BAKE_FILE

    if done.adoption:
        for line in plan_lines(done.adoption):
            click.echo(line)
    left = done.outcome.left if not diff else done.left_before
    sections = (
        (f"{plural(len(done.notes), 'thing')} to look at", note_lines(done.notes)),
        (f"{plural(len(done.outcome.applied), 'edit')}", edit_lines(done.outcome.applied)),
        (f"{plural(len(left), 'finding')} left to you", finding_lines(left)),
    )
    for title, lines in sections:
        text = list(lines)
        if text:
            click.echo("\n".join(["", f"{title}:", *text]))
    for change in done.changes if diff else ():
        click.echo("")
        if change.path == BAKE_FILE and change.old is None:
            click.echo(f"{BAKE_FILE}: new, {plural(len((change.new or '').splitlines()), 'line')} that bakegen renders")
        else:
            click.echo(unified_diff(change), nl=False)


def _tell_end(done: Work) -> None:
    count = len(done.changes)
    if count:
        click.echo(f"{plural(count, 'file')} would change, nothing is written; run: bakegen adopt --write", err=True)
    else:
        click.echo("nothing to do", err=True)


def _undo(root: Path) -> None:
    from bakegen.adopt.journal import undo
    from bakegen.errors import ConflictError

    done = undo(root)
    for path in done.restored:
        click.echo(f"restored {path}", err=True)
    for path in done.removed:
        click.echo(f"removed {path}", err=True)
    if not (done.restored or done.removed or done.kept):
        click.echo("nothing had been changed", err=True)
    if done.earlier and not done.kept:
        click.echo(f"{plural(done.earlier, 'earlier adoption')} can be undone too: bakegen adopt --undo", err=True)
    if done.kept:
        raise ConflictError(*done.kept)
