"""Shell text -> the simple commands in it, each with its words, operators, nesting and place; tree-sitter does the parsing.

What cannot be told without running the shell is unknown: a word's value is None then. Grammar:
https://github.com/tree-sitter/tree-sitter-bash, which reads POSIX shells too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from bakegen.dockerfile.bash_words import WORDS, ShellWord, Text

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
    reader = _Reader(text)
    commands = tuple(reader.statements(root, ()))
    return Parsed(commands, root.has_error)


class _Reader(Text):
    """One pass over the tree of one text."""

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
            end = self.at(node.end_byte)
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
                targets = [self.word(part) for part in child.children if part.type in WORDS]
                operator = next((part.type for part in child.children if not part.is_named), "")
                start, end = self.span(child)
                end = targets[0].end if targets else end
                redirects.append(Redirect(operator, targets[0] if targets else None, start, end))
                words += targets[1:]
            elif child.type in {"heredoc_redirect", "herestring_redirect"}:
                redirects.append(Redirect("<<", None, *self.span(child)))
                words += [self.word(part) for part in child.children_by_field_name("argument")]
        return words, redirects

    def _command(self, node: Node) -> ShellCommand:
        start, end = self.span(node)
        words: list[ShellWord] = []
        assignments: list[tuple[str, ShellWord]] = []
        pieces = node.children if node.type != "variable_assignment" else [node]
        for child in pieces:
            if child.type == "variable_assignment":
                assignments.append(self._assignment(child))
            elif child.type == "command_name":
                words += [self.word(part) for part in child.children[:1]]
            elif child.type in WORDS:
                words.append(self.word(child))
            elif not child.is_named and node.type in _SIMPLE and child.type.strip("([])"):
                words.append(self.word(child))  # export, unset, declare
        extra, redirects = self._redirects(node)
        return ShellCommand((*words, *extra), start, end, tuple(assignments), tuple(redirects))

    def _assignment(self, node: Node) -> tuple[str, ShellWord]:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        end = self.at(node.end_byte)
        word = self.word(value) if value is not None else ShellWord("", end, end, ("",))
        if any(child.type == "+=" for child in node.children):
            word = replace(word, pieces=(None,))
        return (self.raw(name) if name is not None else ""), word

    def _substituted(self, node: Node, path: tuple[str, ...]) -> Iterator[ShellCommand]:
        """Yield the commands whose output a command's words hold."""
        for child in node.children:
            if child.type in {"command_substitution", "process_substitution"}:
                yield from self.statements(child, (*path, "substitution"))
            elif child.children:
                yield from self._substituted(child, path)
