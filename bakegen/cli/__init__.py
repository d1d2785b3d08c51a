"""The command line: one module a verb, imported when it is asked for."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from bakegen.errors import EXIT_CODES, BakegenError, Cancelled, CheckFailed, FilesError

VERBS = ("bench", "build", "cache", "check", "doctor", "graph", "list", "lock", "matrix", "render", "report", "schema")


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs by name."""
        return [*VERBS]  # `list` is a verb's module here, once it is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the verb, or None when there is none of that name."""
        if cmd_name not in VERBS:
            return None
        verb: click.Command = import_module(f"bakegen.cli.{cmd_name}").verb
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that the first word names; an unknown one gets the nearest known."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            from difflib import get_close_matches

            close = get_close_matches(args[0], VERBS, n=1)
            tip = f"Did you mean {close[0]}?" if close else f"Verbs: {', '.join(VERBS)}."
            raise click.UsageError(f"no such verb: {args[0]}. {tip}", ctx)
        return super().resolve_command(ctx, args)


def _exit_codes() -> str:
    lines = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in sorted(EXIT_CODES.items()))
    return f"\b\nExit codes:\n{lines}"


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_exit_codes(),
)
@click.version_option(package_name="bakegen", message="%(prog)s %(version)s")
def app() -> None:
    """Describe a family of container images once; render and build it with caches that work.

    \b
    bakegen render          write Dockerfiles and docker-bake.hcl from bakegen.yaml
    bakegen build cpu       build the group cpu, all images in parallel
    """


def main() -> NoReturn:
    """Run the command line and exit with the code of what happened."""
    gc.set_threshold(100_000)  # start-up makes objects that stay: collecting among them takes 8 % of `render`
    # pydantic looks for plugins in the metadata of every installed package; bakegen has none
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console of another code page shows what it can
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of a command line; what went wrong is on stderr."""
    try:
        result = app.main(arguments, prog_name="bakegen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BakegenError as error:
        for problem in error.problems:
            click.echo(f"{'' if isinstance(error, (CheckFailed, Cancelled)) else 'error: '}{problem}", err=True)
        if len(error.problems) > 1:
            click.echo(f"{len(error.problems)} problems", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Cancelled.exit_code
    except OSError as error:  # of stdout: files have errors of their own
        click.echo(f"error: the output cannot be written: {error.strerror or error}", err=True)
        return FilesError.exit_code
    except SystemExit:  # click's answer to a pipe whose reader has seen enough; there is nothing to flush to any more
        return 0
    return result if isinstance(result, int) else 0
