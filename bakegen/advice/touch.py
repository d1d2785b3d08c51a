"""What the commands of a step do to a directory that is, or is to be, a mount: what removes it, what looks into it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from bakegen.advice.look import shell_variables
from bakegen.advice.state import Step
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.bash_words import ShellWord

#: How a path lies to a directory: it is it, holds it, lies within it, or nobody knows.
Relation: TypeAlias = Literal["", "self", "above", "within", "unknown"]
_REMOVERS = frozenset({"rm", "rmdir", "unlink"})
#: what follows a directory down into all that it holds
_WALKERS = frozenset({"find", "chown", "chmod", "chgrp", "cp", "mv", "tar", "rsync", "setfacl", "du", "shred"})


@dataclass(frozen=True, slots=True)
class Touch:
    """A word of a command that touches a directory; ``removes`` says that the command takes away what it names."""

    command: ShellCommand
    word: ShellWord
    relation: Relation
    removes: bool


def touches(step: Step, directory: str) -> Iterator[Touch]:
    """Yield what commands of a step, calls of the tool itself aside, do to a directory."""
    if step.script is None:
        return
    env = shell_variables(step)
    here: str | None = step.state.workdir.text
    for command in step.script.commands:
        if command.name in {"cd", "pushd"}:
            here = _moved(here, command, env)
            continue
        removes = command.name in _REMOVERS
        for word in command.words[1:]:
            found = relation(word, directory, env, here)
            if found in {"self", "within"} or (found and (removes or _walks(command))):
                yield Touch(command, word, found, removes)
        for redirect in command.redirects:
            if redirect.target and (found := relation(redirect.target, directory, env, here)) in {"self", "within"}:
                yield Touch(command, redirect.target, found, removes=False)


def _walks(command: ShellCommand) -> bool:
    """Return whether a command goes down into what it names; tar does not when it unpacks."""
    unpacks = command.name == "tar" and any("x" in word.raw for word in command.words[1:2])
    return command.name in _WALKERS and not unpacks


def _moved(here: str | None, command: ShellCommand, env: dict[str, str]) -> str | None:
    """Return the directory after a cd, None if it cannot be told."""
    to = path_of(command.words[1], env) if len(command.words) > 1 else None
    if to is None or command.path:
        return None
    return to if to.startswith("/") else (posixpath.normpath(posixpath.join(here, to)) if here else None)


def path_of(word: ShellWord, env: dict[str, str]) -> str | None:
    """Return a word as a path, with ~ replaced; None if it cannot be told."""
    text = word.value(env)
    if text is not None and word.raw.startswith("~"):
        home = env.get("HOME")
        return home + text[1:] if home and text[1:2] in {"", "/"} else None
    return text


def relation(word: ShellWord, directory: str, env: dict[str, str], here: str | None) -> Relation:
    """Return how the path that a word may be lies to a directory."""
    if word.raw.startswith("-"):
        return ""
    path = path_of(word, env)
    if path is None:
        first = word.pieces[0] if word.pieces else None
        if isinstance(first, str) and first.startswith("/"):
            cut = first.rpartition("/")[0] + "/"
            return "unknown" if f"{directory}/".startswith(cut) or cut.startswith(f"{directory}/") else ""
        return "unknown"
    if not path.startswith("/"):
        return _relative(path, directory, here, glob=word.glob)
    return _absolute(path, directory, glob=word.glob)


def _relative(path: str, directory: str, here: str | None, *, glob: bool) -> Relation:
    if here:
        return _absolute(posixpath.join(here, path), directory, glob=glob)
    first = path.partition("/")[0]
    suspicious = first in {".", "..", ""} or any(fnmatchcase(part, first) for part in directory.split("/")[1:])
    return "unknown" if suspicious else ""


def _absolute(path: str, directory: str, *, glob: bool) -> Relation:
    parts, mine = posixpath.normpath(path).split("/")[1:], directory.split("/")[1:]
    if parts == [""]:
        return "above"
    for index, part in enumerate(parts):
        if index >= len(mine):
            return "within"
        matches = fnmatchcase(mine[index], part) and not (part[0] in "*?[" and mine[index].startswith("."))
        if not (matches if glob else part == mine[index]):
            return ""
    return "self" if len(parts) == len(mine) and not glob else "above"
