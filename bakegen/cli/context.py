"""``bakegen context``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bakegen.cli.common import columns, json_option, manifest_option, plural, to_json

if TYPE_CHECKING:
    from bakegen.context.model import Context

_SHOWN = 5  # names, or files, in a message


@click.command("context", short_help="List what BuildKit is sent for an image, largest first.")
@click.argument("image")
@click.option("--ignored", is_flag=True, help="List instead what .dockerignore leaves out, and by which line.")
@click.option(
    "--top", type=click.IntRange(1), default=None, metavar="N", help="Rows to show; default: 20, with --json all."
)
@manifest_option
@json_option
def verb(image: str, ignored: bool, top: int | None, manifest: str | None, as_json: bool) -> None:
    """List what BuildKit is sent for IMAGE from its build context, largest first; it needs no engine.

    CONTEXT is what .dockerignore leaves in the context. SENT is what of it COPY, ADD and bind mounts name: BuildKit asks
    for no more. A path that ends in / is a directory, with all that is in it. BuildKit keeps what it was sent, so that
    only the first build is sent it all.

    \b
    bakegen context asr
    bakegen context asr --ignored --top 5
    bakegen context asr --json
    """
    from bakegen.context.look import context
    from bakegen.project import load

    project = load(manifest)
    found = context(project, _one(image, project.plan().select([image])), measure=ignored)
    if as_json:
        click.echo(to_json(_as_json(found, top, ignored=ignored)))
    elif ignored:
        _print_left_out(found, top or 20)
    else:
        _print_files(found, top or 20)
    _print_notes(found)


def _one(word: str, names: Sequence[str]) -> str:
    if len(names) > 1:
        shown = ", ".join([*names[:_SHOWN], *(["..."] if names[_SHOWN:] else [])])
        raise click.UsageError(f"{word} names {len(names)} images: choose one of {shown}")
    return names[0]


def _print_files(found: Context, top: int) -> None:
    from bakegen.build.amounts import size
    from bakegen.context.rows import rows

    shown, rest = rows(found.found.files, top)
    cells = [
        (size(row.sent), size(row.size), str(row.files), _shown(row.path))
        for row in (*shown, *([rest] if rest else []))
    ]
    click.echo(columns([("SENT", "CONTEXT", "FILES", "PATH"), *cells]))
    (sent, bytes_sent), (left, bytes_left) = found.sent, found.left_in
    by = found.ignore_file or "no .dockerignore"
    click.echo(
        f"{found.image}: {plural(sent, 'file')}, {size(bytes_sent)} sent; context {found.directory} after {by}:"
        f" {plural(left, 'file')}, {size(bytes_left)}",
        err=True,
    )


def _print_left_out(found: Context, top: int) -> None:
    from bakegen.build.amounts import size

    items = sorted(found.found.left_out, key=lambda item: (-item.size, -item.files, item.path))
    cells = [
        (size(item.size), str(item.files), _shown(f"{item.by.line}: {item.by}"), _shown(item.path))
        for item in items[:top]
    ]
    if more := items[top:]:
        totals = (size(sum(item.size for item in more)), str(sum(item.files for item in more)))
        cells.append((*totals, "", f"{len(more)} more"))
    click.echo(columns([("SIZE", "FILES", "LINE", "PATH"), *cells]))
    files, amount = sum(item.files for item in items), sum(item.size for item in items)
    by = found.ignore_file or "no .dockerignore"
    click.echo(
        f"{found.image}: {plural(files, 'file')}, {size(amount)} left out of {found.directory} by {by}", err=True
    )


def _print_notes(found: Context) -> None:
    """Print what is wrong with the context, or not known of it."""
    for item in found.unclear:
        what = f"what {_shown(item.text)} is cannot be told ({item.why}), so all of the context counts as sent"
        click.echo(f"note: {found.dockerfile}:{item.line}: {what}", err=True)
    if not found.current:
        click.echo("note: .dockerignore is not what the manifest would give by now; run: bakegen render", err=True)
    for path in found.found.unreadable:
        click.echo(
            f"warning: {_shown(path)} cannot be read, and BuildKit fails there: ignore it, or give access to it",
            err=True,
        )
    for path in found.found.emptied[:_SHOWN]:
        click.echo(
            f"warning: {_shown(path)} arrives empty: BuildKit takes it back by a ! and leaves it out by a line behind that;"
            " put the ! last",
            err=True,
        )


def _shown(text: str) -> str:
    """Return a name for one cell of a terminal: what is invisible, or would move the cursor, as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _as_json(found: Context, top: int | None, *, ignored: bool) -> dict[str, Any]:
    files = sorted(found.found.files, key=lambda file: (not file.sent, -file.size, file.path))
    left_out = sorted(found.found.left_out, key=lambda item: (-item.size, -item.files, item.path))
    (sent, bytes_sent), (left, bytes_left) = found.sent, found.left_in
    value: dict[str, Any] = {
        "image": found.image,
        "context": found.directory,
        "dockerfile": found.dockerfile,
        "dockerignore": found.ignore_file,
        "sources": list(found.sources),
        "unclear": [f"{found.dockerfile}:{item.line}: {item.text}: {item.why}" for item in found.unclear],
        "sent": {"files": sent, "bytes": bytes_sent},
        "left_in": {"files": left, "bytes": bytes_left},
        "files": [{"path": file.path, "bytes": file.size, "sent": file.sent} for file in files[:top]],
        "unreadable": list(found.found.unreadable),
        "emptied": list(found.found.emptied),
    }
    if ignored:
        value["left_out"] = [
            {"path": i.path, "files": i.files, "bytes": i.size, "line": i.by.line, "pattern": str(i.by)}
            for i in left_out[:top]
        ]
    return value
