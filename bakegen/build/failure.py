"""What to tell the user when a bake fails: the image, the step, its last words, where to look, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bakegen.engine.failures import error_text, explain
from bakegen.errors import BakegenError, BuildFailed, Problem, Where
from bakegen.render.titles import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakegen.build.tracker import Failure
    from bakegen.engine.bake import Definition

_PLACE = re.compile(r"^(\S[^\n]*):(\d+)\n-{8,}$", re.MULTILINE)
_TARGET = re.compile(r"^(?:target ([A-Za-z0-9_-]+): )?(?:failed to solve: )?")
_EXIT = re.compile(r"^process .* did not complete successfully: (exit code: \d+.*)$", re.DOTALL)
_WIDEST = 100

HINTS = (
    (
        r"no space left on device",
        "free some space: `docker buildx du` shows what the build cache holds, `df -h` the disk",
    ),
    (
        r"\b401\b|unauthorized|pull access denied|\bdenied: ",
        "log in to the registry (`docker login`), or check the image's name",
    ),
    (
        r"exit code: 137",
        "137 is a kill: most often the engine's machine ran out of memory; build fewer images at a time",
    ),
    (
        r"no such job",
        "the engine is too busy to keep track of its jobs (docker/buildx#3810); build again, or less at a time",
    ),
    (
        r"failed to resolve source metadata|not found$",
        "check the image's name and tag, and that the engine reaches its registry",
    ),
)


@dataclass(frozen=True, slots=True)
class Wreck:
    """What a failed bake leaves: the steps that broke, and the lines that were no progress."""

    failures: tuple[Failure, ...]
    text: str
    solved: frozenset[str]

    @property
    def jobs_lost(self) -> bool:
        """Return whether nothing broke but BuildKit's own book-keeping."""
        return not self.failures and "no such job" in self.text


def failure_error(
    wreck: Wreck,
    definition: Definition,
    tail: Callable[[str], Sequence[str]],
    log_path: Callable[[str], str],
) -> BakegenError:
    """Return the error to raise; ``tail`` gives a step's last lines by digest, ``log_path`` an image's log or ""."""
    if wreck.failures:
        return BuildFailed(*(_step_problem(failure, wreck, definition, tail, log_path) for failure in wreck.failures))
    words = error_text(wreck.text)
    named = _TARGET.match(words)
    image = (named[1] if named else "") or (next(iter(wreck.solved)) if len(wreck.solved) == 1 else "")
    if not image or "failed to solve" not in words[:200]:
        return explain(wreck.text)
    message = words[named.end() :] if named else words
    return BuildFailed(
        Problem(f"{image} did not build: {message}", _where(image, wreck.text, definition), next=_hint(words))
    )


def _step_problem(
    failure: Failure,
    wreck: Wreck,
    definition: Definition,
    tail: Callable[[str], Sequence[str]],
    log_path: Callable[[str], str],
) -> Problem:
    """Return the problem of one broken step. The place is known for the first that broke: buildx names no other."""
    image = failure.images[0]
    names = " and ".join(failure.images)
    exited = _EXIT.match(failure.error)
    reason = exited[1] if exited else failure.error
    lines = tail(failure.digest)
    log = log_path(image)
    told = [f"the last {len(lines)} lines of the step:", *(f"  | {line}" for line in lines)] if lines else []
    advice = [_hint(failure.error), f"log: {log}" if log else ""]
    return Problem(
        f"{names} did not build: {_shortened(failure.title)}: {reason}",
        _where(image, wreck.text if _is_first(failure, wreck) else "", definition),
        why="\n    ".join(told),
        next="\n    ".join(part for part in advice if part),
    )


def _is_first(failure: Failure, wreck: Wreck) -> bool:
    """Return whether buildx's closing words, and the place with them, are about this step."""
    return error_text(wreck.text).endswith(failure.error)


def _where(image: str, text: str, definition: Definition) -> Where | None:
    """Return the image's Dockerfile, with the line when the text tells it; None when it is not a local file."""
    target = definition.get(image, {})
    if "dockerfile-inline" in target:
        return None
    context = str(target.get("context") or ".")
    dockerfile = str(target.get("dockerfile") or "Dockerfile")
    path = PurePosixPath(dockerfile) if "://" in context else PurePosixPath(context, dockerfile)
    place = _PLACE.search(text)
    line = int(place[2]) if place and PurePosixPath(place[1]).name == path.name else 0
    return Where(str(path), line)


def _hint(text: str) -> str:
    """Return what to do about a failure that is known; otherwise that a repaired build goes on where this one broke."""
    known = (hint for pattern, hint in HINTS if re.search(pattern, text, re.IGNORECASE))
    return next(known, "repair the step and build again: the steps before it are cached")


def _shortened(title: str) -> str:
    """Return a step's instruction on one line, cut where it grows too long to be read."""
    line = brief(title)
    return line if len(line) <= _WIDEST else line[: _WIDEST - 3] + "..."
