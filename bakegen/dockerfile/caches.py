"""The cache mounts a Dockerfile's steps use, as BuildKit tells them apart.

Rules: https://docs.docker.com/reference/dockerfile/#run---mounttypecache and, for what is expanded,
https://github.com/moby/buildkit/blob/master/frontend/dockerfile/instructions/commands_runmount.go
"""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.parser import Dockerfile, Instruction
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import shell_words

_NO_ARGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UsedMount:
    """A cache mount with its variables replaced; ``uid``, ``gid`` and ``mode`` are as written, "" where they are not."""

    id: str
    target: str
    sharing: str = "shared"
    uid: str = ""
    gid: str = ""
    mode: str = ""


def used_mounts(
    dockerfile: Dockerfile, args: Mapping[str, str] = _NO_ARGS, platform: str = "linux/amd64"
) -> tuple[UsedMount, ...]:
    """Return the cache mounts of all stages, each once, in the order of the file.

    ``args`` are the arguments given to the build. A mount whose id needs a variable that only the base image can know is
    left out, as are those behind ONBUILD. The id of an unnamed mount is its target.
    """
    above = global_arguments(dockerfile, args, platform, "").values
    found: dict[UsedMount, None] = {}
    known: dict[str, str] = {}
    for instruction in dockerfile.instructions:
        if instruction.name == "FROM":
            known = {}
        elif instruction.name in {"ARG", "ENV"}:
            _declare(instruction, known, args, above, dockerfile.escape)
        elif instruction.name == "RUN":
            found |= dict.fromkeys(_mounts(instruction, known, dockerfile.escape))
    return tuple(found)


def _declare(
    instruction: Instruction, known: dict[str, str], given: Mapping[str, str], above: Mapping[str, str], escape: str
) -> None:
    """Take what an ARG or ENV of a stage sets; a value that needs more than is known leaves the name unknown.

    An ARG takes what the build is given, then its own default, then what an ARG ``above`` the first FROM has.
    """
    command = instruction.command
    words = [word.text for word in shell_words(instruction.text, command.start, command.end, escape)]
    if instruction.name == "ENV" and words and "=" not in words[0]:
        words = [f"{words[0]}={' '.join(words[1:])}"]
    for word in words:
        name, equals, default = word.partition("=")
        if instruction.name == "ARG" and name in given:
            known[name] = given[name]
        elif equals and (text := expanded(default, known, escape)) is not None:
            known[name] = text
        elif instruction.name == "ARG" and not equals and name in above:
            known[name] = above[name]
        else:
            known.pop(name, None)


def _mounts(instruction: Instruction, known: Mapping[str, str], escape: str) -> Iterator[UsedMount]:
    for flag in instruction.flags:
        if not flag.startswith("--mount="):
            continue
        parts = fields(flag.removeprefix("--mount="))
        if parts.get("type") != "cache":
            continue
        texts = {name: expanded(value, known, escape) for name, value in parts.items()}
        target = next((texts[name] for name in ("target", "dst", "destination") if name in texts), None)
        name = texts["id"] if parts.get("id") else posixpath.normpath(target or "/")
        if name and target:
            rest = {part: texts.get(part) or "" for part in ("uid", "gid", "mode")}
            yield UsedMount(name, target, texts.get("sharing") or "shared", **rest)


def fields(text: str) -> dict[str, str]:
    """Return the fields of a mount, which are one line of CSV; the last of a name counts."""
    try:
        row = next(csv.reader([text], strict=True), [])
    except csv.Error:
        return {}
    return {name.lower(): value for name, _, value in (field.partition("=") for field in row)}


def expanded(text: str, known: Mapping[str, str], escape: str) -> str | None:
    """Return a text with its variables replaced, or None when one of them is not known."""
    if "$" not in text and '"' not in text and "'" not in text and escape not in text:
        return text
    try:
        expansion = expand(text, known, escape)
    except ShellError:
        return None
    return None if expansion.missing else expansion.text
