"""Taking a variable out of an ENV, where nothing but caches hangs on it."""

from __future__ import annotations

import re

from bakegen.advice.edits import Editor
from bakegen.advice.look import Look
from bakegen.advice.rules.missing import looks_like
from bakegen.advice.rules.packages import parsed
from bakegen.advice.state import Step
from bakegen.advice.tools import Tool
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.parser import Edit, Instruction
from bakegen.dockerfile.script import SHELLS
from bakegen.dockerfile.words import Word, shell_words

#: programs that install with pip or uv, or run what a file of the project says
_STARTERS = frozenset(
    [
        "make",
        "eval",
        "pipx",
        "pipenv",
        "pdm",
        "hatch",
        "tox",
        "nox",
        "pip-sync",
        "conda",
        "mamba",
        "micromamba",
        "rosdep",
    ]
)
_PYTHON = re.compile(
    r"(\S*/)?python[\d.]*\s+(-m\s+(build|pipx|piptools|tox|nox)\b|\S*(install|setup|bootstrap)\S*\.py)"
)


def removal(look: Look, step: Step, tool: Tool) -> tuple[Edit, ...]:
    """Return the edits that remove a tool's variable from the ENV of this file that sets it ahead of a step, or in it.

    None where a step that calls the tool has no mount, or may have none: what it downloads would stay in the image.
    """
    name = tool.variable
    if not step.state.complete and "HOME" not in step.state.env:
        return ()  # an unread base may set HOME, and so another place for the cache
    origin = step.state.env.get(name)
    line = step.instruction.start_line if step.instruction.name == "ENV" else 0
    if not line and origin:
        path, _, number = origin.where.rpartition(":")
        line = int(number) if path == look.path and number.isdecimal() else 0
    setters = [i for i in look.dockerfile.instructions if i.name == "ENV" and name in i.values[::3]]
    if [i.start_line for i in setters] != [line]:
        return ()
    others = re.findall(rf"\b{name}\b", look.dockerfile.text)
    if len(others) != 1 or not _all_mounted(look, tool):
        return ()
    for text in look.around.children:
        child = parsed(text)
        if child is None or name in text or not _all_mounted(child, tool):
            return ()
    return without(look, setters[0], name)


def _all_mounted(look: Look, tool: Tool) -> bool:
    """Return whether every step that calls a tool has a mount for its cache; a child's user and home are not known here."""
    if any(_hidden_call(look, step, tool) for step in look.steps):
        return False
    for step in look.runs:
        calls = [call for call in look.calls(step) if call.tool is tool]
        targets = [flag.target for flag in look.mounts(step) if flag.kind == "cache" and flag.target]
        paths = [path for call in calls for path, _ in call.places or ()]
        held = all(any(f"{path}/".startswith(f"{target}/") for target in targets) for path in paths)
        if calls and not (held and paths) and not any(looks_like(tool, target) for target in targets):
            return False
    return True


def _hidden_call(look: Look, step: Step, tool: Tool) -> bool:
    """Return whether an instruction may start a tool where no mount is seen: later, or by way of another program."""
    name = rf"\b{tool.name}[\d.]*['\",]*\s+(?:-\S+\s+)*['\"]?(install|download|wheel|sync|add|run)\b"
    if step.instruction.name in {"ONBUILD", "CMD", "ENTRYPOINT"}:
        return bool(re.search(name, step.instruction.text))
    if step.script is None:
        return False
    known = {id(call.command) for call in look.calls(step) if call.tool is tool}
    for command in step.script.commands:
        raw = " ".join(word.raw for word in command.words)
        if id(command) not in known and (_starts_others(command, raw) or re.search(name, raw)):
            return True
    return False


def _starts_others(command: ShellCommand, raw: str) -> bool:
    """Return whether nobody knows what a command starts, or it is known to install with pip or uv itself."""
    if command.name in {".", "source"}:
        return not raw.endswith("activate")
    if command.name in SHELLS:
        return not any(re.fullmatch(r"-[a-z]*c", word.raw) for word in command.words)
    script = command.name.endswith(".sh") or raw.startswith("./") or command.name in _STARTERS
    return script or bool(_PYTHON.match(raw))


def without(look: Look, instruction: Instruction, name: str) -> tuple[Edit, ...]:
    """Return the edits that take a variable out of an ENV, or the whole ENV if it sets no other."""
    command = instruction.command
    words = shell_words(instruction.text, command.start, command.end, look.dockerfile.escape)
    if len(instruction.values) == len(("name", "value", "=")):
        return _line(look, instruction)
    for index, word in enumerate(words):
        if word.text.startswith(f"{name}="):
            return _word(look, instruction, words, index)
    return ()


def _line(look: Look, instruction: Instruction) -> tuple[Edit, ...]:
    if instruction.end_line != instruction.start_line:
        return ()
    starts, text = look.dockerfile.starts, look.dockerfile.text
    start = starts[instruction.start_line - 1]
    end = starts[instruction.end_line] if instruction.end_line < len(starts) else len(text)
    if start == 0 and text.startswith("\ufeff"):
        start = 1
    return ((start, end, ""),)


def _word(look: Look, instruction: Instruction, words: tuple[Word, ...], index: int) -> tuple[Edit, ...]:
    editor = Editor(look.dockerfile, instruction)
    start = words[index].start
    end = words[index].offsets[-1] + 1
    return editor.cut([editor.spaced(start, end)])
