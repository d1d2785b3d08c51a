"""The words of a shell text: their values where nothing has to be run for them, else unknown."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tree_sitter import Node

#: Nodes that are words.
WORDS = frozenset(
    {
        "word",
        "number",
        "string",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "brace_expression",
        "variable_name",
    }
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_UNQUOTED = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_QUOTED = re.compile(r'\\(\r?\n|[$`"\\])')


@dataclass(frozen=True, slots=True)
class Variable:
    """A ``$NAME`` or ``${NAME}`` in a word."""

    name: str
    quoted: bool


#: Text as it is, a variable, or None for what only a shell can tell.
Piece: TypeAlias = str | Variable | None


@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word: ``raw`` as written, at ``start`` to ``end`` of the script; ``glob`` if the shell looks for files by it."""

    raw: str
    start: int
    end: int
    pieces: tuple[Piece, ...]
    glob: bool = False
    quoted: bool = False

    @property
    def text(self) -> str | None:
        """The word without quotes, None if it hangs on a variable or more."""
        return self.value({})

    def value(self, env: Mapping[str, str]) -> str | None:
        """Return the word with its variables replaced, None where one is not known or may fall apart into words."""
        out = []
        for piece in self.pieces:
            text = env.get(piece.name) if isinstance(piece, Variable) else piece
            if text is None or (isinstance(piece, Variable) and not piece.quoted and re.search(r"[\s*?\[]", text)):
                return None
            out.append(text)
        return "".join(out)


class Text:
    """A shell text whose tree counts bytes."""

    def __init__(self, text: str) -> None:
        """Take the text that was parsed."""
        self.text = text
        #: the byte offset of each character and of the end; None where they are the same
        self.offsets: list[int] | None = None
        if not text.isascii():
            self.offsets = list(accumulate((len(char.encode("utf-8", "replace")) for char in text), initial=0))

    def at(self, byte: int) -> int:
        """Return the offset of the character that begins at a byte."""
        return byte if self.offsets is None else bisect_left(self.offsets, byte)

    def span(self, node: Node) -> tuple[int, int]:
        """Return from and to of a node."""
        return self.at(node.start_byte), self.at(node.end_byte)

    def raw(self, node: Node) -> str:
        """Return a node as it is written."""
        start, end = self.span(node)
        return self.text[start:end]

    def word(self, node: Node) -> ShellWord:
        """Return the word that a node is."""
        start, end = self.span(node)
        raw = self.text[start:end]
        pieces = tuple(self._pieces(node))
        bare = "".join(self._unquoted(node))
        return ShellWord(raw, start, end, pieces, bool(re.search(r"[*?\[]", bare)), not bare)

    def _unquoted(self, node: Node) -> Iterator[str]:
        if node.type == "concatenation":
            for child in node.children:
                yield from self._unquoted(child)
        elif node.type in {"word", "number"}:
            yield _UNQUOTED.sub("", self.raw(node))

    def _pieces(self, node: Node) -> Iterator[Piece]:
        raw = self.raw(node)
        if node.type == "concatenation":
            yield from self._joined(node)
        elif node.type == "raw_string":
            yield raw[1:-1]
        elif node.type == "string":
            yield from self._string(node)
        elif node.type in {"simple_expansion", "expansion"}:
            yield _variable(raw, quoted=False)
        elif node.type in {"word", "number", "variable_name"} or not node.is_named:
            yield _UNQUOTED.sub(lambda match: "" if match[1].endswith("\n") else match[1], raw)
        else:
            yield None

    def _joined(self, node: Node) -> Iterator[Piece]:
        """Yield the pieces of parts that stand together; braces with a comma are several words to bash, one to sh."""
        if re.search(r"\{[^{}]*(,|\.\.)[^{}]*\}", "".join(self._unquoted(node))):
            yield None
        for child in node.children:
            yield from self._pieces(child)

    def _string(self, node: Node) -> Iterator[Piece]:
        position = self.at(node.start_byte) + 1
        for child in node.children:
            if child.type in {"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"}:
                start, end = self.span(child)
                yield self._plain(position, start)
                yield _variable(self.raw(child), quoted=True) if "expansion" in child.type else None
                position = end
        yield self._plain(position, self.at(node.end_byte) - 1)

    def _plain(self, start: int, end: int) -> str:
        return _QUOTED.sub(lambda match: "" if match[1].endswith("\n") else match[1], self.text[start:end])


def _variable(raw: str, *, quoted: bool) -> Variable | None:
    """Return the variable that ``$NAME`` or ``${NAME}`` is, None if it is more than that."""
    name = raw.removeprefix("$").removeprefix("{").removesuffix("}")
    return Variable(name, quoted) if _NAME.fullmatch(name) else None
