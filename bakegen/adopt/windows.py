"""Batch files and PowerShell scripts -> the commands they would run, as far as that can be told without running them.

Of both, what build scripts are made of is followed: variables, loops over words that are written there, changes of
directory. Branches are all taken; a variable that is given a value only if it has none keeps the one it has.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bakegen.adopt.model import Command
from bakegen.adopt.shell_words import Script, joined
from bakegen.adopt.variables import left_open
from bakegen.errors import Where

_MAX_COMMANDS = 20_000
_WORD = re.compile(r'(?:"[^"]*"|[^\s"])+')
_PS_WORD = re.compile(r"""(?:"(?:`.|[^"`])*"|'[^']*'|\$\([^)]*\)|[^\s"',;|&])+""")
_PS_ASSIGN = re.compile(r"(?:\[[\w.\[\]]+\]\s*)?\$(?:(?:script|global|env):)?(\w+)\s*=\s*(.+)", re.IGNORECASE)
_PS_LOOP = re.compile(r"foreach\s*\(\s*\$(\w+)\s+in\s+(.+?)\)\s*(\{.*)?", re.IGNORECASE)
_FOR = re.compile(r"for\s+%%(\w)\s+in\s+\(([^)]*)\)\s+do\s*(.*)", re.IGNORECASE)
_IF_UNSET = re.compile(
    r'if\s+(?:not\s+defined\s+(\w+)|"%(\w+)%"\s*==\s*""|"%(\w+)%"\s*equ\s*"")\s*\(?\s*(.*?)\)?', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str


def batch(script: Script) -> Iterator[Command]:
    """Yield the commands of a batch file."""
    return _Batch(script).run(_lines(script, "^"))


def powershell(script: Script) -> Iterator[Command]:
    """Yield the commands of a PowerShell script."""
    return _PowerShell(script).run(_lines(script, "`"))


def _lines(script: Script, continuation: str) -> list[_Line]:
    """Return the lines of a script, each with those that it goes on in."""
    found: list[_Line] = []
    begun = ""
    start = 0
    for number, line in enumerate(script.text.replace("\r\n", "\n").split("\n"), script.line):
        start = start or number
        bare = line.rstrip()
        if bare.endswith(continuation):
            begun += bare[:-1] + " "
            continue
        found.append(_Line(start, (begun + bare).strip()))
        begun, start = "", 0
    return [*found, _Line(start, begun.strip())] if begun else found


class _Interpreter:
    """What both have in common: variables, a directory, and a limit."""

    def __init__(self, script: Script) -> None:
        self.script, self.cwd = script, script.cwd
        self.here = "//" + posixpath.dirname(script.path)
        self.env: dict[str, str] = {name.lower(): value for name, value in script.env.items()}
        self.count = 0

    def emit(self, words: list[str], number: int) -> Iterator[Command]:
        self.count += 1
        if words and self.count < _MAX_COMMANDS:
            yield Command(tuple(words), Where(self.script.path, number), self.cwd)

    def enter(self, words: list[str]) -> None:
        places = [word for word in words if not re.fullmatch(r"/d|-\w+", word, re.IGNORECASE)]
        if places:
            self.cwd = joined(self.cwd, places[0].replace("\\", "/").rstrip("/") or "/")


class _Batch(_Interpreter):
    def run(self, lines: list[_Line], given: Mapping[str, str] | None = None) -> Iterator[Command]:
        index = 0
        while index < len(lines):
            line = lines[index]
            index += 1
            text = line.text.lstrip("@ (").strip()
            if not text or text.startswith(":") or re.match(r"rem(\s|$)", text, re.IGNORECASE):
                continue
            if loop := _FOR.fullmatch(text):
                block, index = self._block(loop[3], line, lines, index)
                for word in _WORD.findall(loop[2].replace(",", " ")):
                    yield from self.run(block, {**(given or {}), loop[1]: self._bare(word, given)})
                continue
            yield from self._line(text, line.number, given)

    def _block(self, rest: str, line: _Line, lines: list[_Line], index: int) -> tuple[list[_Line], int]:
        """Return what a loop repeats, and the index of the line behind it."""
        if not rest.startswith("("):
            return [_Line(line.number, rest)], index
        block = [_Line(line.number, rest[1:])]
        depth = rest.count("(") - rest.count(")")
        while depth > 0 and index < len(lines):
            text = lines[index].text
            depth += text.count("(") - text.count(")")
            block.append(lines[index] if depth > 0 else _Line(lines[index].number, text.rstrip(")")))
            index += 1
        return block, index

    def _line(self, text: str, number: int, given: Mapping[str, str] | None) -> Iterator[Command]:
        if unset := _IF_UNSET.fullmatch(text):
            if (unset[1] or unset[2] or unset[3]).lower() in self.env:
                return
            text = unset[4]
        elif branch := re.match(
            r"if\s+(?:/i\s+)?(?:not\s+)?(?:exist\s+\S+|errorlevel\s+\d+|\S+\s*(?:==|\w{3})\s*\S+)\s+\(?(.*)",
            text,
            re.IGNORECASE,
        ):
            text = branch[1]
        for part in re.split(r"\s*(?:&&|\|\||&(?![&1-9]))\s*", text):
            yield from self._command(
                part.strip().rstrip(")") if part.count(")") > part.count("(") else part.strip(), number, given
            )

    def _command(self, text: str, number: int, given: Mapping[str, str] | None) -> Iterator[Command]:
        words = [self._bare(word, given) for word in _WORD.findall(text)]
        if not words:
            return
        head = words[0].lower()
        if head == "set" and (match := re.match(r'set\s+(?:/p\s+)?"?(\w+)=(.*?)"?\s*$', text, re.IGNORECASE)):
            ask = re.match(r"set\s+/p", text, re.IGNORECASE)
            self.env[match[1].lower()] = left_open(match[1]) if ask else self._expanded(match[2], given)
        elif head in {"cd", "chdir", "pushd"}:
            self.enter(words[1:])
        else:
            yield from self.emit(words[1:] if head == "call" else words, number)

    def _bare(self, word: str, given: Mapping[str, str] | None) -> str:
        return self._expanded(word.replace('"', ""), given)

    def _expanded(self, text: str, given: Mapping[str, str] | None) -> str:
        def value(match: re.Match[str]) -> str:
            if match["loop"]:
                return (given or {}).get(match["loop"], left_open(match["loop"]))
            if match["here"]:
                return self.here + "/"
            if match["number"]:
                return left_open(match["number"])
            name = match["name"] or match["late"]
            return self.env.get(name.lower(), left_open(name))

        pattern = r"%%~?\w*?(?P<loop>\w)\b|(?P<here>%~dp0)\\?|%~?(?P<number>\d)|%(?P<name>\w+)%|!(?P<late>\w+)!"
        return re.sub(pattern, value, text)


class _PowerShell(_Interpreter):
    def run(self, lines: list[_Line]) -> Iterator[Command]:
        index = 0
        while index < len(lines):
            line = lines[index]
            index += 1
            text = line.text.strip("{} ")
            if not text or text.startswith("#"):
                continue
            if loop := _PS_LOOP.fullmatch(line.text):
                block, index = self._block(loop[3] or "", line, lines, index)
                words = self._items(loop[2])
                for word in words or [left_open(loop[1])]:
                    self.env[loop[1].lower()] = word
                    yield from self.run(block)
                continue
            for part in re.split(r"\s*;\s*(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", text):
                yield from self._command(part.strip("{} "), line.number)

    def _block(self, rest: str, line: _Line, lines: list[_Line], index: int) -> tuple[list[_Line], int]:
        block = [_Line(line.number, rest.strip("{} "))]
        depth, opened = rest.count("{") - rest.count("}"), "{" in rest
        while index < len(lines) and (depth > 0 or not opened):
            text = lines[index].text
            bare = re.sub(r"\$\{\w+\}", "", text)
            depth += bare.count("{") - bare.count("}")
            opened = opened or "{" in bare
            block.append(lines[index])
            index += 1
        return block, index

    def _items(self, text: str) -> list[str]:
        text = text.strip()
        if re.fullmatch(r"\$\w+", text):
            held = self.env.get(text[1:].lower(), "")
            return held.split("\0") if held else []
        return [self._word(word) for word in _PS_WORD.findall(text.removeprefix("@(").removesuffix(")"))]

    def _command(self, text: str, number: int) -> Iterator[Command]:
        text = (
            re.sub(r"^(?:param\s*\(|if\s*\(.*?\)\s*\{)\s*", "", text, flags=re.IGNORECASE)
            .removeprefix("& ")
            .rstrip(",")
        )
        if assigned := _PS_ASSIGN.fullmatch(text.rstrip(") ") if "@(" not in text else text):
            value = assigned[2].strip()
            array = value.startswith("@(") or re.fullmatch(r"""(["'][^"']*["']\s*,\s*)+["'][^"']*["']""", value)
            words = self._items(value) if array else [self._word(word) for word in _PS_WORD.findall(value)]
            simple = array or len(words) == 1
            self.env[assigned[1].lower()] = "\0".join(words) if simple else left_open(assigned[1])
            return
        words = [self._word(word) for word in _PS_WORD.findall(text)]
        if words and words[0].lower() in {"cd", "set-location", "push-location", "pushd"}:
            self.enter(words[1:])
        else:
            yield from self.emit(words, number)

    def _word(self, word: str) -> str:
        if re.fullmatch(r"'[^']*'", word):
            return word[1:-1]

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2] or match[3] or ""
            if name.lower() == "psscriptroot":
                return self.here
            return self.env.get(name.lower(), left_open(name or "?"))

        bare = re.sub(r'"((?:`.|[^"`])*)"', r"\1", word)
        return re.sub(
            r"\$\{(?:env:)?(\w+)\}|\$(?:env:|script:|global:)?(\w+)|\$\(\s*\$?(\w*)[^)]*\)", value, bare
        ).replace("`", "")
