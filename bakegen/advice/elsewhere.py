"""Who else needs, or writes, what lies in a directory that a mount would take out of the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import partial

from bakegen.advice.look import Call, Look
from bakegen.advice.model import Surroundings
from bakegen.advice.state import Step
from bakegen.advice.tools import Tool
from bakegen.advice.touch import path_of, relation
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.bash_words import ShellWord
from bakegen.dockerfile.caches import expanded
from bakegen.dockerfile.parser import DockerfileError, parse

_OFFLINE = re.compile(r"--(prefer-)?offline\b|\b(UV|NPM_CONFIG|npm_config)_(PREFER_)?OFFLINE\b")
_CACHE_OPTIONS = ("--cache-dir", "--cache")
#: variables that name a cache itself; all others that lead into one name something else there
_CACHES = frozenset({"PIP_CACHE_DIR", "UV_CACHE_DIR", "POETRY_CACHE_DIR", "NPM_CONFIG_CACHE", "GOMODCACHE", "GOCACHE"})
_COPIERS = frozenset({"cp", "mv", "rsync", "tar"})


def needs(look: Look, step: Step, tool: Tool, directories: Sequence[str]) -> Iterator[str]:
    """Yield which other instructions, and images built on this one, need what a tool leaves in its caches."""
    for directory in directories:
        for other in look.once("mentions", directory, partial(_mentioning, look, directory)):
            if other is not step:
                yield f"line {other.instruction.start_line} looks into {directory}"
        if look.once("children", directory, partial(_children, look, directory)):
            yield f"an image built on this one looks into {directory}"
    # `pip cache` fails where there is nothing in it, in some versions even when it shall purge
    asks = re.compile(rf"\b{tool.name}[\d.]*\s+cache\s+(?!clean|prune|clear)\w")
    telling = look.once("telling", tool.name, lambda: [s for s in look.steps if _tells(s.instruction.text, asks)])
    for other in telling:
        text = other.instruction.text
        if other is not step and asks.search(text):
            yield f"line {other.instruction.start_line} asks for what {tool.name} has in its cache"
        if tool.name in {"pip", "uv", "poetry", "npm"} and _OFFLINE.search(text):
            yield f"line {other.instruction.start_line} may install from the cache of an earlier step"
        if tool.name == "npm" and other is not step and _runs_npx(step) and "npx" in text:
            yield f"line {other.instruction.start_line} may run what npx has left in the cache"


def _tells(text: str, asks: re.Pattern[str]) -> bool:
    return bool("npx" in text or asks.search(text) or _OFFLINE.search(text))


def _runs_npx(step: Step) -> bool:
    return any(command.name == "npx" for command in (step.script.commands if step.script else ()))


def puts_inside(calls: Sequence[Call], directories: Sequence[str]) -> Iterator[str]:
    """Yield which option or variable has a call put something into a cache that is no download."""
    for call in calls:
        if call.tool.name == "uv" and any(word.startswith("--script") for word in call.words):
            yield "uv keeps the environment of a script in its cache"
        for before, word in zip(("", *call.words), call.words, strict=False):
            if before not in _CACHE_OPTIONS and not word.startswith(_CACHE_OPTIONS) and _leads(word, directories):
                yield f"{word} leads into the cache"
        for name, text in call.env.items():
            if name.upper() not in _CACHES and text and any(_leads(part, directories) for part in text.split(":")):
                yield f"{name} leads into the cache"


def moved(step: Step, tool: Tool, calls: Sequence[Call], *, purged: bool = False) -> str:
    """Return why what keeps a cache out of the image has to stay: an unread base may have set another place for it."""
    if tool.name in {"apt", "apk"} or step.state.complete:
        return ""
    for call in calls:
        told = _told(step) or call.origins.keys() & (_CACHES | {"npm_config_cache", "XDG_CACHE_HOME"})
        given = any(word.startswith(_CACHE_OPTIONS) for word in call.words)
        value = call.env.get(tool.variable) if tool.variable else ""
        off = purged or any(word in tool.flags for word in call.words) or (value and tool.is_off(value))
        if off and not told and not given:
            return "its base, whose configuration is not known here, may set HOME, and so another place for the cache"
    return ""


def _told(step: Step) -> bool:
    return "HOME" in step.state.env


def _leads(text: str, directories: Sequence[str]) -> bool:
    path = posixpath.normpath(text[text.find("/") :]) if "/" in text else ""
    return any(f"{path}/".startswith(f"{directory}/") for directory in directories)


def _children(look: Look, directory: str) -> bool:
    """Return whether an image built on this one looks into a directory."""
    for text in look.around.children:
        try:
            child = Look("child", parse(text), Surroundings())
        except DockerfileError:
            return True
        if _mentioning(child, directory):
            return True
    return False


def _mentioning(look: Look, directory: str) -> tuple[Step, ...]:
    return tuple(step for step in look.steps if _mentions(look, step, directory))


def _mentions(look: Look, step: Step, directory: str) -> bool:
    instruction = step.instruction
    if instruction.name == "VOLUME":
        return any(_within(directory, path.rstrip("/")) or _within(path, directory) for path in instruction.values)
    if instruction.name in {"COPY", "ADD"} and instruction.values:
        return _copies(look, step, directory)
    if instruction.name == "WORKDIR" and instruction.values:
        return _into(_written(look, step, instruction.values[0]), step, directory)
    if any(f"source={directory}" in flag or f"src={directory}" in flag for flag in instruction.flags):
        return True
    commands = step.script.commands if step.script else ()
    return any(_looks(command, directory, step.variables) for command in commands)


def _copies(look: Look, step: Step, directory: str) -> bool:
    """Return whether a COPY takes a directory, or what is in it, from another image, or puts something there."""
    *sources, destination = (_written(look, step, path) for path in step.instruction.values)
    if any(flag.startswith("--from=") for flag in step.instruction.flags) and any(
        relation(word, directory, {}, "/") for word in sources if word.raw != "/"
    ):
        return True
    return _into(destination, step, directory)


def _written(look: Look, step: Step, path: str) -> ShellWord:
    """Return a path of an instruction as a word: as far as it is known."""
    text = expanded(path, step.variables, look.dockerfile.escape)
    pieces = (text,) if text is not None else (path.partition("$")[0], None)
    return ShellWord(path, 0, 0, pieces, glob="*" in path)


def _into(word: ShellWord, step: Step, directory: str) -> bool:
    return relation(word, directory, {}, step.state.workdir.text or "/") in {"self", "within"}


def _looks(command: ShellCommand, directory: str, env: dict[str, str]) -> bool:
    """Return whether a command looks into a directory, or needs one above it that only the tool has made."""
    removes = command.name in {"rm", "rmdir"}
    if removes and any(re.fullmatch(r"-[a-zA-Z]*f[a-zA-Z]*|--force", word.raw) for word in command.words[1:]):
        return False
    last = command.words[-1] if command.words else None
    for word in (*command.words[1:], *(r.target for r in command.redirects if r.target)):
        found = relation(word, directory, env, None)
        if found in {"self", "within"}:
            return True
        if found == "above" and command.name != "mkdir":
            path = posixpath.normpath(path_of(word, env) or "/")
            if "/." in path or path.endswith("/pkg"):
                return True
            if command.name in _COPIERS and path != "/" and (word is not last or command.name == "tar"):
                return True
    return False


def _within(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory}/")
