"""A Makefile -> the commands of its recipes, as far as its variables are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bakegen.adopt.model import Command
from bakegen.adopt.shell import commands
from bakegen.adopt.shell_words import Script
from bakegen.adopt.variables import left_open

_ASSIGN = re.compile(r"(?:export\s+|override\s+)*([A-Za-z_][\w.-]*)\s*(\?=|:{0,3}=|\+=|!=)\s*(.*)")
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\)|\{([^{}]*)\}|([@<^*?%+]))")
_MAX_DEPTH = 8


def recipes(script: Script, files: Sequence[str], read: Callable[[str], str | None]) -> Iterator[Command]:
    """Yield the commands of all recipes. A value that is given with ``?=`` counts as the one there is."""
    values: dict[str, str] = dict(script.env)
    target = ""
    for number, line in _logical(script.text):
        if line.startswith("\t"):
            body = _expanded(line.lstrip("\t").lstrip("@-+ "), {**values, "@": target})
            yield from commands(Script(script.path, body, script.line + number), files, read)
        elif match := _ASSIGN.fullmatch(line.strip()):
            _assign(values, match[1], match[2], match[3].split(" #")[0].strip())
        elif rule := re.match(r"([^\s:#=][^:#=]*):(?!=)", line):
            targets = rule[1].split()
            target = targets[0] if len(targets) == 1 and "%" not in rule[1] else left_open("@")


def _assign(values: dict[str, str], name: str, how: str, value: str) -> None:
    if how == "?=" and name in values:
        return
    if how == "!=":
        values[name] = left_open(name)
    elif how == "+=":
        values[name] = f"{values.get(name, '')} {value}".strip()
    else:
        values[name] = _expanded(value, values).replace("$", "$$") if how != "=" else value


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with those that they go on in; recipes keep their continuations, which are the shell's."""
    begun, start = "", 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n")):
        if not begun:
            start = number
        recipe = (begun or line).startswith("\t")
        if line.endswith("\\"):
            begun += line + "\n" if recipe else line[:-1] + " "
            continue
        yield start, begun + line
        begun = ""


def _expanded(text: str, values: dict[str, str], depth: int = 0) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[1] or match[2] or match[3] or ""
        if name in values and depth < _MAX_DEPTH:
            return _expanded(values[name], values, depth + 1)
        if name.startswith("shell "):
            return f"$({name.removeprefix('shell ')})"
        if name in {"CURDIR", "PWD"}:
            return "."
        return left_open(name)

    return _REFERENCE.sub(value, text)[:20_000]
