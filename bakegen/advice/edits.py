"""Edits of one instruction: flags put in, words and commands taken out, comments and line ends left as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.bash_words import ShellWord
from bakegen.dockerfile.parser import Dockerfile, Edit, Instruction
from bakegen.dockerfile.script import Script

#: From and to in a logical line.
Range: TypeAlias = tuple[int, int]
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
        for match in re.finditer(r"\n([ \t]+)(?=[^\s#])", text[line_start : last + 1]):
            return match[1]
        outer = re.match(r"[ \t]*", text[line_start:])
        return (outer[0] if outer else "") + _INDENT

    def cut(self, ranges: Sequence[Range]) -> tuple[Edit, ...]:
        """Return the edits that take stretches out of the logical line: lines that are left empty go whole."""
        instruction, lines = self.instruction, _Lines(self.dockerfile.text, self.instruction)
        out = _joined(ranges)
        edits: list[Edit] = []
        kept: list[int] = []
        for number, (first, last, at) in enumerate(lines.parts):
            mine = [(max(start, first), min(end, last)) for start, end in out if start < last and end > first]
            if mine and not _without(instruction.text, first, last, mine).strip():
                edits.append(lines.whole(at))
                continue
            kept.append(number)
            for start, end in mine:
                ahead = end == last and number + 1 < len(lines.parts) and instruction.text[end - 1].isspace()
                edits.append((at + start - first, at + end - ahead - first, ""))  # the blank ahead of the escape stays
        if kept and kept[-1] + 1 < len(lines.parts):
            edits = _merged([*edits, lines.continuation(kept[-1])])
        return tuple(edits)

    def word(self, word: ShellWord) -> Range:
        """Return the stretch of the logical line that a word takes, with the blanks that part it from its neighbours."""
        base = self.instruction.command.start
        return self.spaced(base + word.start, base + word.end)

    def spaced(self, start: int, end: int) -> Range:
        """Return a stretch of the logical line with the blanks that part it from its neighbours."""
        line = self.instruction.text
        first, last = _Lines(self.dockerfile.text, self.instruction).around(start)
        if not line[first:start].strip():  # first on its line: what is behind it moves up
            while end < last and line[end].isspace():
                end += 1
            return (start if line[end:last].strip() else first), end
        while start > first and line[start - 1].isspace():
            start -= 1
        return start, end

    def commands(self, script: Script, first: ShellCommand, last: ShellCommand) -> Range | None:
        """Return the stretch of the logical line that neighbouring commands of a list take, with one operator.

        None where what stands around them could notice that they are gone.
        """
        if first.path or last.path or not {first.before, last.after} <= {"", "&&", ";"}:
            return None
        if "$?" in script.text[last.end :]:
            return None  # the exit code that is asked for would be that of another command
        stretch = _stretch(script, first, last)
        if stretch is None:
            return None
        base = self.instruction.command.start
        start, end = base + stretch[0], base + stretch[1]
        line, lines = self.instruction.text, _Lines(self.dockerfile.text, self.instruction)
        if stretch[0] != first.start:  # the operator goes too, and the blanks ahead of it
            begin, _ = lines.around(start)
            while start > begin and line[start - 1].isspace():
                start -= 1
        elif end < len(line) and lines.around(end)[0] > start and not line[lines.around(end)[0] : end].strip():
            end = lines.around(end)[0]  # what follows keeps its indentation
        return start, end


def neighbours(script: Script, first: ShellCommand, second: ShellCommand) -> bool:
    """Return whether two commands stand side by side in one list, with nothing but an operator between them."""
    between = script.text[first.end : second.start].strip()
    return not first.path and not second.path and first.start < second.start and between in {"&&", ";"}


def _stretch(script: Script, first: ShellCommand, last: ShellCommand) -> Range | None:
    """Return what goes with commands: the operator ahead of them, or the one behind."""
    text = script.text
    ahead, rest = text[: first.start].rstrip(), text[last.end :].lstrip()
    if not rest.startswith(last.after) or not ahead.endswith(first.before):
        return None
    more = bool(last.after and rest.removeprefix(last.after).strip())
    next_start = len(text) - len(rest.removeprefix(last.after).lstrip())
    if not first.before and not more:
        return None
    if first.before == ";" and not more and not _strict(script):
        return None  # the step would end with the exit code of another command
    if not first.before or (first.before == ";" and last.after == "&&"):
        return first.start, next_start
    parted = _parted(script, len(ahead), first.start)  # operators stand at the ends of lines
    if first.before == last.after and (parted or not more):
        return first.start, next_start
    return len(ahead) - len(first.before), last.end


def _without(text: str, first: int, last: int, ranges: Sequence[Range]) -> str:
    """Return ``text[first:last]`` without the ranges in it."""
    out, done = "", first
    for start, end in ranges:
        out, done = out + text[done:start], end
    return out + text[done:last]


def _joined(ranges: Sequence[Range]) -> list[Range]:
    """Return ranges in order, those that meet made one."""
    out: list[Range] = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


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


def _merged(edits: Sequence[Edit]) -> list[Edit]:
    """Return removals with those that meet or overlap made one."""
    return [(start, end, "") for start, end in _joined([(start, end) for start, end, _ in edits])]
