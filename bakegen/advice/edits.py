"""Edits of one instruction: flags put in, words and commands taken out, comments and line ends left as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bakegen.dockerfile.bash import ShellCommand, ShellWord
from bakegen.dockerfile.parser import Dockerfile, Edit, Instruction
from bakegen.dockerfile.script import Script

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Editor:
    """Makes edits of one instruction of a Dockerfile."""

    dockerfile: Dockerfile
    instruction: Instruction

    def put_in(self, items: Sequence[str], joint: str = "") -> Edit:
        """Return the edit that puts items ahead of the arguments, a line each; ``joint`` stands ahead of what follows."""
        text, command = self.dockerfile.text, self.instruction.command
        at = self.instruction.source(command.start)
        if self.instruction.heredocs and text.startswith("<<", at):
            return at, at, "".join(f"{item} " for item in items) + joint
        line_start = text.rfind("\n", 0, at) + 1
        lead = text[line_start:at]
        indent = lead if lead and not lead.strip() else self._indent(line_start)
        end = text.find("\n", at)
        eol = "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"
        new = "".join(f"{item} {self.dockerfile.escape}{eol}{indent}" for item in items)
        return at, at, new + joint

    def _indent(self, line_start: int) -> str:
        """Return the indentation of the next line of the instruction that has one, else four blanks."""
        text = self.dockerfile.text
        last = self.instruction.source(len(self.instruction.text) - 1)
        for match in re.finditer(r"\n([ \t]+)(?=[^\s#])", text[line_start:last]):
            return match[1]
        outer = re.match(r"[ \t]*", text[line_start:])
        return (outer[0] if outer else "") + _INDENT

    def cut(self, start: int, end: int) -> tuple[Edit, ...]:
        """Return the edits that take ``start`` to ``end`` out of the logical line: lines that are left empty go whole."""
        text, instruction = self.dockerfile.text, self.instruction
        lines = _Lines(text, instruction)
        edits: list[Edit] = []
        gone: list[int] = []
        for number, (first, last, at) in enumerate(lines.parts):
            begin, stop = max(start, first), min(end, last)
            if begin >= stop:
                continue
            rest = instruction.text[first:begin] + instruction.text[stop:last]
            if not rest.strip():
                gone.append(number)
                edits.append(lines.whole(at))
                continue
            if stop == last and number + 1 < len(lines.parts) and instruction.text[stop - 1].isspace():
                stop -= 1  # the blank ahead of the escape character
            edits.append((at + begin - first, at + stop - first, ""))
        if len(lines.parts) - 1 in gone:
            kept = max(number for number in range(len(lines.parts)) if number not in gone)
            edits = _merged([*edits, lines.continuation(kept)])
        return tuple(edits)

    def without_word(self, word: ShellWord) -> tuple[Edit, ...]:
        """Return the edits that take a word out, and the blanks that part it from its neighbours."""
        base = self.instruction.command.start
        start, end = base + word.start, base + word.end
        line = self.instruction.text
        lines = _Lines(self.dockerfile.text, self.instruction)
        first, last = lines.around(start)
        if not line[first:start].strip():  # first on its line: what is behind it moves up
            while end < last and line[end].isspace():
                end += 1
            return self.cut(start if line[end:last].strip() else first, end)
        while start > first and line[start - 1].isspace():
            start -= 1
        return self.cut(start, end)

    def without_command(self, script: Script, command: ShellCommand) -> tuple[Edit, ...] | None:
        """Return the edits that take a command out of its list; None where its neighbours could notice."""
        if command.path or not {command.before, command.after} <= {"", "&&", ";"}:
            return None
        stretch = _stretch(script, command)
        if stretch is None:
            return None
        base = self.instruction.command.start
        start, end = base + stretch[0], base + stretch[1]
        line, lines = self.instruction.text, _Lines(self.dockerfile.text, self.instruction)
        if stretch[0] != command.start:  # the operator goes too, and the blanks ahead of it
            first, _ = lines.around(start)
            while start > first and line[start - 1].isspace():
                start -= 1
        elif end < len(line) and lines.around(end)[0] > start and not line[lines.around(end)[0] : end].strip():
            end = lines.around(end)[0]  # what follows keeps its indentation
        return self.cut(start, end)


def _stretch(script: Script, command: ShellCommand) -> tuple[int, int] | None:
    """Return what goes with a command: the operator ahead of it, or the one behind it."""
    text = script.text
    ahead, behind = text[: command.start].rstrip(), text[command.end :]
    rest = behind.lstrip()
    more = bool(rest.removeprefix(command.after).strip()) if command.after else False
    if not rest.startswith(command.after) or not ahead.endswith(command.before):
        return None
    next_start = len(text) - len(rest.removeprefix(command.after).lstrip())
    if not command.before and not more:
        return None
    if command.before == ";" and not more and not _strict(script):
        return None  # the step would end with the exit code of another command
    if not command.before or (command.before == ";" and command.after == "&&"):
        return command.start, next_start
    parted = _parted(script, len(ahead), command.start)  # operators stand at the ends of lines
    if command.before == command.after and (parted or not more):
        return command.start, next_start
    return len(ahead) - len(command.before), command.end


def _parted(script: Script, start: int, end: int) -> bool:
    """Return whether a line ends between two places of a script's text."""
    base = script.instruction.command.start
    return any(base + start <= logical <= base + end for logical, _ in script.instruction.pieces[1:])


def _strict(script: Script) -> bool:
    """Return whether the script ends at the first command that fails."""
    return any(
        command.name == "set"
        and not command.path
        and any(re.fullmatch(r"-[a-z]*e[a-z]*", w.raw) for w in command.words)
        for command in script.commands
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """The physical lines of an instruction."""

    text: str
    instruction: Instruction

    @property
    def parts(self) -> list[tuple[int, int, int]]:
        """From and to in the logical line, and the offset in the file, of each physical line that is part of it."""
        pieces = self.instruction.pieces
        ends = [piece[0] for piece in pieces[1:]] + [len(self.instruction.text)]
        return [(logical, end, at) for (logical, at), end in zip(pieces, ends, strict=True)]

    def around(self, offset: int) -> tuple[int, int]:
        """Return from and to of the line that has an offset of the logical line."""
        return next((first, last) for first, last, _ in reversed(self.parts) if first <= offset)

    def whole(self, at: int) -> Edit:
        """Return the edit that takes out the line at an offset, its line end too; at the end of the file, the one before."""
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        if end >= 0:
            return start, end + 1, ""
        before = start - 1
        if before > 0 and self.text[before - 1] == "\r":
            before -= 1
        return max(before, 0), len(self.text), ""

    def continuation(self, number: int) -> Edit:
        """Return the edit that takes the escape character, and the blanks around it, off the end of a line."""
        first, last, at = self.parts[number]
        end = at + last - first
        start = end
        while start > at and self.text[start - 1] in " \t":
            start -= 1
        stop = self.text.find("\n", end)
        stop = len(self.text) if stop < 0 else stop
        if self.text[stop - 1] == "\r":
            stop -= 1
        return start, stop, ""


def _merged(edits: list[Edit]) -> list[Edit]:
    """Return removals with those that meet or overlap made one."""
    out: list[Edit] = []
    for start, end, _ in sorted(edits):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]), "")
        else:
            out.append((start, end, ""))
    return out
