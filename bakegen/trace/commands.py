"""What a step is about, and which cache mounts it has: told from its name alone.

A RUN's name is its line of the Dockerfile with flags, its arguments expanded by BuildKit and its continuations joined
(moby/buildkit, frontend/dockerfile/dockerfile2llb/convert.go, dispatchRun).
"""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bakegen.trace.model import CacheUse

if TYPE_CHECKING:
    from bakegen.engine.names import StepName
    from bakegen.trace.model import Kind

_APT = frozenset({"apt", "apt-get", "aptitude"})
_PYTHON = re.compile(r"(?:pip|pip\d[\d.]*|uvx?|poetry|conda|mamba|micromamba|pipenv|pdm)")
_INTERPRETER = re.compile(r"python\d*(?:\.\d+)*")
_WRAPPERS = frozenset({"sudo", "env", "exec", "command", "time", "nice", "then", "do", "else", "if", "while", "!", "{"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_FLAG = re.compile(r"""\s*--([a-z]+)(?:=((?:"[^"]*"|'[^']*'|[^\s"'])*))?(?=\s|$)""")
_ENDS = re.compile(r"&&|\|\||[;|&\n()]")
_SENT = ("load build context", "load remote build context", "load git source", "load from client")
_FETCHED = ("https://", "http://", "git://", "git@", "ssh://")


def kind_of(name: StepName) -> Kind:
    """Return what a step is about.

    A RUN that installs both with apt and for Python counts as Python, which is mostly the larger part. Looking up what a
    tag stands for is BuildKit's own business, like reading the Dockerfile.
    """
    text = name.text
    if name.exports:
        return "export"
    if text.startswith((*_SENT, *_FETCHED)):
        return "context"
    if text.startswith("FROM ") or (name.stage.startswith("context ") and not text.startswith("load ")):
        return "base"
    if not name.number:
        return "internal"
    if text.startswith("RUN "):
        return _run(text)
    return "copy" if text.startswith(("COPY ", "ADD ", "WORKDIR ", "LINK ")) else "other"


def caches_of(text: str) -> tuple[CacheUse, ...]:
    """Return the cache mounts of a RUN, in the order in which they stand there.

    Without an id, BuildKit takes the target's path for it; without ``sharing``, "shared"
    (https://docs.docker.com/reference/dockerfile/#run---mounttypecache).
    """
    if not text.startswith("RUN "):
        return ()
    mounts = (value for flag, value in _flags(text)[0] if flag == "mount")
    return tuple(use for use in map(_cache, mounts) if use)


def _cache(mount: str) -> CacheUse | None:
    """Return the cache mount that a ``--mount`` describes, a line of CSV; None when it is another kind of mount."""
    try:
        words = next(csv.reader([mount]), [])
    except csv.Error:
        return None
    fields = {key.strip().lower(): value for key, _, value in (word.partition("=") for word in words)}
    target = fields.get("target") or fields.get("dst") or fields.get("destination")
    if fields.get("type") != "cache" or not target:
        return None
    return CacheUse(
        target=target,
        id=fields.get("id") or posixpath.normpath(target),
        sharing=fields.get("sharing", "shared").lower(),
        uid=_number(fields.get("uid", "")),
        gid=_number(fields.get("gid", "")),
        mode=fields.get("mode", ""),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0  # noqa: PLR2004 - 32 bits


def _flags(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the flags of a RUN, quotes around a value removed, and the command behind them."""
    flags = []
    position = len("RUN")
    while match := _FLAG.match(text, position):
        value = match[2] or ""
        flags.append((match[1], value[1:-1] if value[:1] in {"'", '"'} and value[-1:] == value[:1] else value))
        position = match.end()
    return flags, text[position:].strip()


def _run(text: str) -> Kind:
    apt = False
    for words in _commands(_flags(text)[1]):
        program = posixpath.basename(words[0])
        if _PYTHON.fullmatch(program) or (_INTERPRETER.fullmatch(program) and _runs_pip(words[1:])):
            return "python"
        apt = apt or program in _APT
    return "apt" if apt else "other"


def _runs_pip(words: list[str]) -> bool:
    """Return whether an interpreter is given ``-m pip``, or a program that is pip by its name."""
    return any(posixpath.basename(word).startswith(("pip", "uv")) for word in words[:4] if not word.startswith("-"))


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a shell line, word by word, without assignments and wrappers ahead of them.

    Good enough to tell what a line is about: quotes are not read, so a program named inside one may count.
    """
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            text = " ".join(words[2:] if words[1:2] == ["-c"] else words)
    for part in _ENDS.split(text):
        words = part.strip("\"'` \t").split()
        while words and (words[0] in _WRAPPERS or _ASSIGNMENT.match(words[0]) or words[0].startswith("-")):
            words.pop(0)
        if words:
            yield words
