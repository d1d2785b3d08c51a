"""What every other module of the lab needs: one error, one way to talk to the user, one way to run a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


ADMIN_DIRECTORIES = "/usr/sbin:/sbin"  # of `ip`, `chroot` and others; not every root has them in PATH


class LabError(Exception):
    """What failed, why, and what to do next."""

    def __init__(self, what: str, why: str, todo: str) -> None:
        """Keep the three parts, so that a caller can print or test each of them."""
        super().__init__(f"{what}\n  why: {why}\n  do:  {todo}")
        self.what = what
        self.why = why
        self.todo = todo


def say(text: str) -> None:
    """Write a line to stderr: stdout belongs to `env` and to the commands that `run` starts."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step when it begins, and end its line with the seconds it took."""
    sys.stderr.write(f"lab: {text} ...")
    sys.stderr.flush()
    begun = time.monotonic()
    outcome = "failed after "
    try:
        yield
        outcome = ""
    finally:
        sys.stderr.write(f" {outcome}{time.monotonic() - begun:.1f} s\n")
        sys.stderr.flush()


def run(  # noqa: PLR0913 - named arguments, nearly all with defaults
    argv: Sequence[str | Path],
    *,
    what: str,
    todo: str = "read the output above, then run the command again",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 600,
) -> str:
    """Return the command's stdout; raise LabError with the end of its output when it fails.

    `env` is laid over the process's own environment.
    """
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            env={**os.environ, "PATH": search_path(), **(env or {})},
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(what, f"{argv[0]} is not on this machine", todo) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(what, f"{argv[0]} did not end within {timeout:.0f} s", todo) from error
    if done.returncode:
        tail = "\n       ".join((done.stdout + done.stderr).strip().splitlines()[-40:])
        raise LabError(what, f"{argv[0]} exited with {done.returncode}:\n       {tail}", todo)
    return done.stdout


def search_path() -> str:
    """Return PATH with the directories of the administrator's programs."""
    return f"{os.environ.get('PATH', os.defpath)}:{ADMIN_DIRECTORIES}"


def succeeds(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 60) -> bool:
    """Whether the command exits with 0; its output is dropped."""
    try:
        run(argv, what="probe", env=env, timeout=timeout)
    except LabError:
        return False
    return True
