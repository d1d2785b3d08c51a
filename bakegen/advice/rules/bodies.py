"""Changes of a step's shell text, each only where it is certain to mean the same, the cache aside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bakegen.advice.edits import Range, neighbours
from bakegen.advice.look import Look, calls
from bakegen.advice.state import Step
from bakegen.advice.tools import Tool
from bakegen.advice.touch import Touch, touches
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.bash_words import ShellWord
from bakegen.dockerfile.parser import Edit
from bakegen.dockerfile.script import Script


class Refused(Exception):
    """Why a step is not edited."""


class Body:
    """The edits of one step's shell text."""

    def __init__(self, look: Look, step: Step) -> None:
        """Take the step; nothing is edited yet."""
        self.look, self.step = look, step
        self.editor = look.editor(step)
        self._words: dict[int, list[ShellWord]] = {}
        self._commands: dict[int, ShellCommand] = {}

    @property
    def edits(self) -> list[Edit]:
        """The edits so far; Refused if one of them is not certain."""
        script, ranges, whole = self.step.script, list[Range](), list[ShellCommand]()
        for key, words in self._words.items():
            command = self._commands[key]
            if script is None or not script.editable or "sh -c" in command.path:
                raise Refused("what has to go stands where it has no place of its own")
            rest = [w for w in command.words[1:] if w not in words and not w.raw.startswith("-")]
            if words == list(command.words) or (command.name in {"rm", "rmdir"} and not rest):
                whole.append(command)
            else:
                ranges += [self.editor.word(word) for word in words]
        if script is not None:
            ranges += self._whole(script, sorted(whole, key=lambda command: command.start))
        return list(self.editor.cut(ranges)) if ranges else []

    def made(self) -> tuple[list[Edit], str]:
        """Return the edits so far, or none and why one of them is not certain."""
        try:
            return self.edits, ""
        except Refused as refused:
            return [], str(refused)

    def _whole(self, script: Script, commands: Sequence[ShellCommand]) -> list[Range]:
        """Return the stretches of commands that go whole, neighbours as one."""
        blocks: list[list[ShellCommand]] = []
        for command in commands:
            if blocks and neighbours(script, blocks[-1][-1], command):
                blocks[-1].append(command)
            else:
                blocks.append([command])
        found = []
        for block in blocks:
            stretch = self.editor.commands(script, block[0], block[-1])
            if stretch is None:
                raise Refused(f"`{block[0].words[0].raw}` cannot be taken out of the list of commands it stands in")
            found.append(stretch)
        return found

    def _drop(self, command: ShellCommand, words: Sequence[ShellWord]) -> None:
        self._commands[id(command)] = command
        self._words.setdefault(id(command), []).extend(w for w in words if w not in self._words.get(id(command), []))

    def drop_words(self, command: ShellCommand, texts: Sequence[str]) -> None:
        """Take these words out of a command."""
        if texts:
            self._drop(command, [word for word in command.words if word.text in texts])

    def drop_purges(self, tool: Tool) -> None:
        """Take out the commands that empty the tool's cache."""
        for command in purges(self.step, tool):
            if command.redirects or command.assignments:
                raise Refused(f"`{command.words[0].raw}` does more than empty the cache")
            self._drop(command, command.words)

    def drop_removals(self, directory: str) -> None:
        """Take out what is removed in a directory; Refused where more than that is touched."""
        own = {id(call.command) for call in calls(self.step)}
        for touch in touches(self.step, directory):
            if touch.removes and touch.relation in {"self", "within"}:
                if touch.command.redirects:
                    raise Refused("a removal has a redirect")
                self._drop(touch.command, [touch.word])
            elif id(touch.command) not in own:
                raise Refused(_why(touch, directory))


def purges(step: Step, tool: Tool) -> Iterator[ShellCommand]:
    """Yield the commands of a step that empty a tool's cache."""
    for command in step.script.commands if step.script else ():
        words = [word.text or "" for word in command.words]
        if words and words[0]:
            words[0] = command.name
            if tool.purges(words) or (words[1:2] == ["-m"] and tool.purges(words[2:] or [""])):
                yield command


def purged(step: Step, tool: Tool) -> bool:
    """Return whether a step empties a tool's cache wherever that is: by the tool's own command, or in the user's home."""
    return any(purges(step, tool)) or any(
        command.name == "rm" and re.search(r"(^|\s|\")(~|\$\{?HOME)", word.raw)
        for command in (step.script.commands if step.script else ())
        for word in command.words[1:]
    )


def _why(touch: Touch, directory: str) -> str:
    what = f"`{touch.command.name} {touch.word.raw}`"
    if touch.removes and touch.relation == "above":
        return f"{what} would fail, as a mounted directory cannot be removed"
    return f"{what} may touch {directory}"
