"""A Dockerfile as rules look at it: its steps, the calls of tools in them, their mounts, and findings at their places."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bakegen.advice.edits import Editor
from bakegen.advice.model import Finding, Surroundings, Value
from bakegen.advice.state import Step, steps
from bakegen.advice.tools import TOOLS, Places, Tool
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.bash_words import ShellWord
from bakegen.dockerfile.caches import expanded, fields
from bakegen.dockerfile.parser import Dockerfile, Edit, Instruction
from bakegen.dockerfile.words import Word

_PYTHON = re.compile(r"python\d*(\.\d+)?")
_WRAPPERS = frozenset({"env", "exec", "command", "time", "nice", "nohup"})
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_MKTEMP = re.compile(r"\"?\$\(\s*mktemp\b")
_TEMPORARY = "/tmp/of-mktemp"  # noqa: S108 - stands for a name that nobody knows, in a place that everybody knows


@dataclass(frozen=True, slots=True)
class Call:
    """One start of a tool: ``words`` without what wraps it, "" where unknown; ``env`` is what it sees.

    ``hidden`` says that a variable may bring in options; ``wrapped`` that sudo, su or a loop of another program starts it.
    """

    tool: Tool
    command: ShellCommand
    words: tuple[str, ...]
    env: dict[str, str | None]
    origins: dict[str, Value]
    hidden: bool
    wrapped: bool
    offset: int

    @property
    def places(self) -> Places:
        """The tool's caches in this call."""
        return self.tool.places(self.env, self.words)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule is, for people: ``why`` and ``fix`` are what a finding says unless it knows better.

    ``before`` is an example that the rule finds; ``more`` is what docs/rules.md says beyond why and fix.
    """

    id: str
    title: str
    why: str
    fix: str
    before: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class MountFlag:
    """One --mount flag of a RUN, its variables replaced: "" where one is not known."""

    word: Word
    kind: str
    id: str
    target: str
    sharing: str
    parts: dict[str, str]


def known_variables(step: Step) -> dict[str, str | None]:
    """Return the variables of a step, None for one whose value is not known."""
    env: dict[str, str | None] = {name: value.text for name, value in step.state.env.items()}
    if "HOME" not in env:
        env["HOME"] = step.home
    return env


def calls(step: Step) -> tuple[Call, ...]:
    """Return the calls of known tools in a RUN."""
    if step.script is None:
        return ()
    env, origins = known_variables(step), dict(step.state.env)
    found = []
    for command in step.script.commands:
        _assign(command, env, origins)
        call = _call(command, env, origins)
        if call is not None:
            found.append(call)
    return tuple(found)


def shell_variables(step: Step) -> dict[str, str]:
    """Return what is known of the variables of a RUN, those that its own commands set once included."""
    env: dict[str, str | None] = known_variables(step)
    origins: dict[str, Value] = {}
    for command in step.script.commands if step.script else ():
        _assign(command, env, origins, plain=True)
    return {name: text for name, text in env.items() if text is not None}


def _assign(
    command: ShellCommand, env: dict[str, str | None], origins: dict[str, Value], *, plain: bool = False
) -> None:
    """Take what export, unset or an assignment does to the variables that programs see; ``plain`` ones are the shell's."""
    exported = command.name in {"export", "declare", "typeset"}
    if not exported and command.words:
        for word in command.words[1:] if command.name == "unset" else ():
            env.pop(word.raw, None)
        return
    values = {name: text for name, text in env.items() if text is not None}
    for name, word in command.assignments:
        value = _TEMPORARY if _MKTEMP.match(word.raw) else word.value(values)
        if exported or plain or name in env:
            again = plain and name in env and env[name] != value
            env[name] = None if command.path or again else value
            origins[name] = Value(env[name])


def _call(command: ShellCommand, env: dict[str, str | None], origins: dict[str, Value]) -> Call | None:
    values = {name: text for name, text in env.items() if text is not None}
    words = [word.value(values) or "" for word in command.words]
    own: dict[str, str | None] = {name: word.value(values) for name, word in command.assignments}
    offset, wrapped = _unwrapped(words, own)
    rest = words[offset:]
    if not rest:
        return None
    rest[0] = posixpath.basename(rest[0])
    for tool in TOOLS:
        if tool.fetches(rest):
            at = command.words[offset + 1 :]
            hidden = any(_may_be_option(word) for word in at)
            seen = {**origins, **{name: Value(text) for name, text in own.items()}}
            return Call(tool, command, tuple(rest), {**env, **own}, seen, hidden, wrapped, offset)
    return None


def _may_be_option(word: ShellWord) -> bool:
    """Return whether a variable may make a word an option, or several words."""
    first = next((piece for piece in word.pieces if piece != ""), "")
    return not isinstance(first, str) or (word.text is None and first.startswith("-"))


def _unwrapped(words: Sequence[str], own: dict[str, str | None]) -> tuple[int, bool]:
    """Return at which word the program stands, and whether something starts it that may change user or home."""
    at, wrapped = 0, False
    while at < len(words):
        word = posixpath.basename(words[at])
        if match := _ASSIGNMENT.fullmatch(word):
            own[match[1]] = match[2]
        elif word == "sudo":
            wrapped = True
            while at + 1 < len(words) and words[at + 1].startswith("-"):
                at += 2 if words[at + 1] in {"-u", "-g", "--user"} else 1
        elif _PYTHON.fullmatch(word):
            module = next((i for i, text in enumerate(words[at + 1 : at + 5], at + 1) if text == "-m"), 0)
            return (module + 1 if module else at), wrapped
        elif word not in _WRAPPERS or (at + 1 < len(words) and words[at + 1].startswith("-")):
            return at, wrapped
        at += 1
    return at, wrapped


@dataclass(frozen=True)
class Look:
    """One file, what surrounds it, and what follows from both."""

    path: str
    dockerfile: Dockerfile
    around: Surroundings

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every instruction from the first FROM on."""
        return steps(self.dockerfile, self.path, self.around)

    @cached_property
    def runs(self) -> tuple[Step, ...]:
        """The RUN steps whose text a shell reads."""
        return tuple(step for step in self.steps if step.script is not None)

    @cached_property
    def _calls(self) -> dict[int, tuple[Call, ...]]:
        return {id(step): calls(step) for step in self.runs}

    def calls(self, step: Step) -> tuple[Call, ...]:
        """Return the calls of tools in a step of this file."""
        return self._calls.get(id(step), ())

    def mounts(self, step: Step) -> tuple[MountFlag, ...]:
        """Return the mounts of a RUN."""
        known = step.variables
        found = []
        for word in step.instruction.command.flags:
            if word.text.startswith("--mount="):
                parts = fields(word.text.removeprefix("--mount="))
                texts = {name: expanded(value, known, self.dockerfile.escape) or "" for name, value in parts.items()}
                target = next((texts[name] for name in ("target", "dst", "destination") if texts.get(name)), "")
                if target and not target.startswith("/"):
                    target = posixpath.join(step.state.workdir.text or "", target)
                target = posixpath.normpath(target) if target.startswith("/") else ""
                kind = texts.get("type") or "bind"
                found.append(
                    MountFlag(word, kind, texts.get("id", ""), target, texts.get("sharing") or "shared", parts)
                )
        return tuple(found)

    def editor(self, step: Step) -> Editor:
        """Return what makes edits of a step."""
        return Editor(self.dockerfile, step.instruction)

    def at(self, instruction: Instruction, start: int = 0, end: int | None = None) -> tuple[int, int]:
        """Return the offsets in the file of a stretch of a logical line; by default of its name."""
        return instruction.span(start, end if end is not None else len(instruction.name))

    def place(self, step: Step, command: ShellCommand) -> tuple[int, int]:
        """Return the offsets in the file of a command."""
        if step.script is None or step.script.form == "exec":
            return self.at(step.instruction)
        return step.script.span(command.start, command.end)

    def finding(
        self, rule: Rule, span: tuple[int, int], what: str, fix: str = "", edits: Sequence[Edit] = ()
    ) -> Finding:
        """Return a finding at a stretch of the file; its end is on the line on which it begins, or at that line's end."""
        start, end = span
        stop = self.dockerfile.text.find("\n", start)
        end = min(end, stop if stop >= 0 else len(self.dockerfile.text))
        while end > start and self.dockerfile.text[end - 1] in "\r \t":
            end -= 1
        line, column = self.dockerfile.where(start)
        end_line, end_column = self.dockerfile.where(max(end, start))
        return Finding(
            rule.id, self.path, line, column, end_line, end_column, what, rule.why, fix or rule.fix, tuple(edits)
        )
