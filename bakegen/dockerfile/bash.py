"""Shell text -> the simple commands in it, each with its words, operators, nesting and place; tree-sitter does the parsing.

What cannot be told without running the shell is unknown: a word's value is None then. Grammar:
https://github.com/tree-sitter/tree-sitter-bash, which reads POSIX shells too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_CONNECTORS = frozenset({"&&", "||", ";", ";;", ";&", ";;&", "&", "|", "|&"})
#: what a node adds to the nesting of the commands in it; lists, programs and redirects add nothing
_NESTS = {
    "pipeline": "pipeline",
    "subshell": "subshell",
    "compound_statement": "group",
    "if_statement": "if",
    "for_statement": "loop",
    "c_style_for_statement": "loop",
    "while_statement": "loop",
    "case_statement": "case",
    "function_definition": "function",
    "negated_command": "negation",
    "command_substitution": "substitution",
    "process_substitution": "substitution",
}
_SIMPLE = frozenset({"command", "declaration_command", "unset_command", "test_command"})
_ASSIGNMENTS = frozenset({"variable_assignment", "variable_assignments"})
_WORDS = frozenset(
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


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect: ``>``, ``>>``, ``<`` and so on, the file it leads to if it has one, and its place."""

    operator: str
    target: ShellWord | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A simple command: its words, name first, assignments ahead of it, redirects.

    ``before`` and ``after`` are the operators around it among its neighbours: ``&&``, ``||``, ``;``, ``&``, ``|``, or "" at an
    end; a line end counts as ``;``. ``path`` is what it is nested in, from the outside.
    """

    words: tuple[ShellWord, ...]
    start: int
    end: int
    assignments: tuple[tuple[str, ShellWord], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    before: str = ""
    after: str = ""
    path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The command's name without its directory, "" if it is unknown or there is none."""
        return ((self.words[0].text or "").rpartition("/")[2]) if self.words else ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The commands of a shell text in its order; ``broken`` where the grammar could not follow all of it."""

    commands: tuple[ShellCommand, ...]
    broken: bool


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parsed(text: str) -> Parsed:
    """Return the simple commands of a shell text, nested ones included."""
    data = text.encode("utf-8", "replace")
    root = _parser().parse(data).root_node
    reader = _Reader(text, _offsets(text))
    commands = tuple(reader.statements(root, ()))
    return Parsed(commands, root.has_error)


def _offsets(text: str) -> list[int] | None:
    """Return the byte offset of each character and of the end; None where they are the same."""
    if text.isascii():
        return None
    return list(accumulate((len(char.encode("utf-8", "replace")) for char in text), initial=0))


class _Reader:
    """One pass over the tree of one text."""

    def __init__(self, text: str, offsets: list[int] | None) -> None:
        self.text, self.offsets = text, offsets

    def _at(self, byte: int) -> int:
        return byte if self.offsets is None else bisect_left(self.offsets, byte)

    def _span(self, node: Node) -> tuple[int, int]:
        return self._at(node.start_byte), self._at(node.end_byte)

    def _raw(self, node: Node) -> str:
        start, end = self._span(node)
        return self.text[start:end]

    def statements(self, node: Node, path: tuple[str, ...]) -> Iterator[ShellCommand]:
        """Yield the commands below a node that holds statements, with the operators between them."""
        flat = list(self._flat(node))
        for index, item in enumerate(flat):
            if isinstance(item, str):
                continue
            around = [flat[at] if 0 <= at < len(flat) else "" for at in (index - 1, index + 1)]
            before, after = (sign if isinstance(sign, str) else ";" for sign in around)
            yield from self._statement(item, path, before, after)

    def _flat(self, node: Node) -> Iterator[Node | str]:
        """Yield statements and the operators between them, lists within lists opened."""
        for child in node.children:
            if child.type == "list":
                yield from self._flat(child)
            elif child.type in _CONNECTORS:
                yield child.type
            elif child.is_named and child.type not in {"comment", "heredoc_body"}:
                yield child

    def _statement(self, node: Node, path: tuple[str, ...], before: str, after: str) -> Iterator[ShellCommand]:
        if node.type in _SIMPLE or node.type in _ASSIGNMENTS:
            yield from self._substituted(node, path)
            yield replace(self._command(node), path=path, before=before, after=after)
        elif node.type == "redirected_statement":
            yield from self._redirected(node, path, before, after)
        elif node.type in _NESTS:
            yield from self.statements(node, (*path, _NESTS[node.type]))
        elif node.type == "ERROR":
            yield from self.statements(node, (*path, "error"))
        elif node.children:
            yield from self.statements(node, path)

    def _redirected(self, node: Node, path: tuple[str, ...], before: str, after: str) -> Iterator[ShellCommand]:
        """Yield the commands of a body, the redirects given to the last one if the body is a list: a shell binds so."""
        body = node.child_by_field_name("body")
        inner: list[ShellCommand] = []
        if body is not None:
            inner = list(
                self.statements(body, path) if body.type == "list" else self._statement(body, path, before, after)
            )
        if inner and body is not None and (body.type == "list" or body.type in _SIMPLE):
            if body.type == "list":
                inner[0], inner[-1] = replace(inner[0], before=before), replace(inner[-1], after=after)
            end = self._at(node.end_byte)
            last, (words, redirects) = inner[-1], self._redirects(node)
            inner[-1] = replace(last, words=(*last.words, *words), redirects=(*last.redirects, *redirects), end=end)
        yield from inner
        for child in node.children:
            if child.type == "heredoc_redirect":  # what follows the << on its line, which the grammar keeps in it
                yield from self.statements(child, path)

    def _redirects(self, node: Node) -> tuple[list[ShellWord], list[Redirect]]:
        """Return the redirects of a statement, and words of the command that the grammar takes for targets."""
        words: list[ShellWord] = []
        redirects: list[Redirect] = []
        for child in node.children:
            if child.type == "file_redirect":
                targets = [self._word(part) for part in child.children if part.type in _WORDS]
                operator = next((part.type for part in child.children if not part.is_named), "")
                start, end = self._span(child)
                end = targets[0].end if targets else end
                redirects.append(Redirect(operator, targets[0] if targets else None, start, end))
                words += targets[1:]
            elif child.type in {"heredoc_redirect", "herestring_redirect"}:
                redirects.append(Redirect("<<", None, *self._span(child)))
                words += [self._word(part) for part in child.children_by_field_name("argument")]
        return words, redirects

    def _command(self, node: Node) -> ShellCommand:
        start, end = self._span(node)
        words: list[ShellWord] = []
        assignments: list[tuple[str, ShellWord]] = []
        pieces = node.children if node.type != "variable_assignment" else [node]
        for child in pieces:
            if child.type == "variable_assignment":
                assignments.append(self._assignment(child))
            elif child.type == "command_name":
                words += [self._word(part) for part in child.children[:1]]
            elif child.type in _WORDS:
                words.append(self._word(child))
            elif not child.is_named and node.type in _SIMPLE and child.type.strip("([])"):
                words.append(self._word(child))  # export, unset, declare
        extra, redirects = self._redirects(node)
        return ShellCommand((*words, *extra), start, end, tuple(assignments), tuple(redirects))

    def _assignment(self, node: Node) -> tuple[str, ShellWord]:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        end = self._at(node.end_byte)
        word = self._word(value) if value is not None else ShellWord("", end, end, ("",))
        if any(child.type == "+=" for child in node.children):
            word = replace(word, pieces=(None,))
        return (self._raw(name) if name is not None else ""), word

    def _substituted(self, node: Node, path: tuple[str, ...]) -> Iterator[ShellCommand]:
        """Yield the commands whose output a command's words hold."""
        for child in node.children:
            if child.type in {"command_substitution", "process_substitution"}:
                yield from self.statements(child, (*path, "substitution"))
            elif child.children:
                yield from self._substituted(child, path)

    def _word(self, node: Node) -> ShellWord:
        start, end = self._span(node)
        raw = self.text[start:end]
        pieces = tuple(self._pieces(node))
        bare = "".join(self._unquoted(node))
        return ShellWord(raw, start, end, pieces, bool(re.search(r"[*?\[]", bare)), not bare)

    def _unquoted(self, node: Node) -> Iterator[str]:
        if node.type == "concatenation":
            for child in node.children:
                yield from self._unquoted(child)
        elif node.type in {"word", "number"}:
            yield _UNQUOTED.sub("", self._raw(node))

    def _pieces(self, node: Node) -> Iterator[Piece]:
        raw = self._raw(node)
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
        position = self._at(node.start_byte) + 1
        for child in node.children:
            if child.type in {"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"}:
                start, end = self._span(child)
                yield self._plain(position, start)
                yield _variable(self._raw(child), quoted=True) if "expansion" in child.type else None
                position = end
        yield self._plain(position, self._at(node.end_byte) - 1)

    def _plain(self, start: int, end: int) -> str:
        return _QUOTED.sub(lambda match: "" if match[1].endswith("\n") else match[1], self.text[start:end])


def _variable(raw: str, *, quoted: bool) -> Variable | None:
    """Return the variable that ``$NAME`` or ``${NAME}`` is, None if it is more than that."""
    name = raw.removeprefix("$").removeprefix("{").removesuffix("}")
    return Variable(name, quoted) if _NAME.fullmatch(name) else None
