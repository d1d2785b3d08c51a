"""A RUN instruction -> its shell commands, each with its place in the Dockerfile."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from bakegen.dockerfile.bash import Parsed, ShellCommand, parsed
from bakegen.dockerfile.bash_words import ShellWord
from bakegen.dockerfile.parser import Instruction

SHELLS = frozenset({"sh", "bash", "dash", "ash"})
_HEREDOC_ONLY = re.compile(r"<<-?\s*(\"[^\"]+\"|'[^']+'|[^\s\"'<>|&;]+)")
_SHEBANG = re.compile(r"#!\s*(\S+)(?:\s+(\S+))?")
_C_FLAG = re.compile(r"-[a-z]*c")
_DEPTH = 4  # of sh -c inside sh -c
#: How the text of a RUN stands in the file: in its line, as the body of a heredoc, as a JSON array.
Form: TypeAlias = Literal["line", "heredoc", "exec"]


@dataclass(frozen=True, slots=True)
class Script:
    """The shell text of a RUN and the commands in it, in their order; those of a ``sh -c`` follow it.

    ``broken`` says that the grammar could not read all of it, ``foreign`` that something else than a shell reads it.
    """

    instruction: Instruction
    text: str
    form: Form
    commands: tuple[ShellCommand, ...] = ()
    broken: bool = False
    foreign: bool = False
    _start: int = field(default=0, repr=False)

    @property
    def editable(self) -> bool:
        """Whether a stretch of the text is a stretch of the file, and all of it is understood."""
        return self.form == "line" and not self.broken and not self.foreign and not self.instruction.heredocs

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the file of a stretch of the text; of all of the RUN where it has no place of its own."""
        if self.form == "heredoc":
            return self._start + start, self._start + end
        if self.form == "exec" or start >= len(self.text):
            return self.instruction.span(0, len(self.instruction.text))
        return self.instruction.span(self._start + start, self._start + min(end, len(self.text)))


def script(instruction: Instruction) -> Script:
    """Return the shell view of a RUN."""
    command = instruction.command
    if command.json_form:
        return _exec_form(instruction)
    line = instruction.text[command.start : command.end]
    if not instruction.heredocs:
        return _made(instruction, line, "line", command.start)
    heredoc = instruction.heredocs[0]
    if len(instruction.heredocs) == 1 and _HEREDOC_ONLY.fullmatch(line):
        shebang = _SHEBANG.match(heredoc.content)
        program = _program(shebang) if shebang else "sh"
        if program not in SHELLS or heredoc.chomp:  # tabs go: offsets would lie
            return Script(instruction, heredoc.content, "heredoc", foreign=True, _start=heredoc.span[0])
        return _made(instruction, heredoc.content, "heredoc", heredoc.span[0])
    bodies = "".join(f"{each.content}{each.name}\n" for each in instruction.heredocs)
    found = _made(instruction, f"{line}\n{bodies}", "line", command.start)
    # what reads a body is for the command to know, as in `python3 <<EOF` or `cat <<EOF >file`
    fed = any(c.name in SHELLS and any(r.operator == "<<" for r in c.redirects) for c in found.commands)
    return replace(found, foreign=fed or found.foreign)


def _program(shebang: re.Match[str]) -> str:
    program = posixpath.basename(shebang[1])
    return posixpath.basename(shebang[2] or "") if program == "env" else program


def _made(instruction: Instruction, text: str, form: Form, start: int) -> Script:
    tree = parsed(text)
    return Script(instruction, text, form, tuple(_opened(tree, 0)), tree.broken, _start=start)


def _opened(tree: Parsed, depth: int) -> list[ShellCommand]:
    """Return the commands, each ``sh -c`` followed by those in its text, which have its place."""
    found: list[ShellCommand] = []
    for command in tree.commands:
        found.append(command)
        inner = _inner(command)
        if inner is not None and depth < _DEPTH:
            found += [_placed(each, command) for each in _opened(parsed(inner), depth + 1)]
    return found


def _placed(command: ShellCommand, outer: ShellCommand) -> ShellCommand:
    """Return a command of an inner text at the place of the outer one."""
    words = tuple(replace(word, start=outer.start, end=outer.end) for word in command.words)
    redirects = tuple(replace(item, start=outer.start, end=outer.end) for item in command.redirects)
    return replace(
        command,
        words=words,
        redirects=redirects,
        start=outer.start,
        end=outer.end,
        path=(*outer.path, "sh -c", *command.path),
    )


def _inner(command: ShellCommand) -> str | None:
    """Return the text that a ``sh -c`` runs, None if it is another command or the text is not known."""
    if command.name not in SHELLS:
        return None
    for flag, text in zip(command.words[1:], command.words[2:], strict=False):
        if _C_FLAG.fullmatch(flag.raw):
            return text.text
    return None


def _exec_form(instruction: Instruction) -> Script:
    """Return the view of a JSON array: one command, or the text that it gives to a shell."""
    words = tuple(ShellWord(value, 0, 0, (value,), quoted=True) for value in instruction.values)
    command = ShellCommand(words, 0, 0)
    commands = _opened(Parsed((command,), broken=False), 0)
    return Script(instruction, " ".join(instruction.values), "exec", tuple(commands))
