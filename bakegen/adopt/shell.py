"""A shell script -> the commands it would run, as far as that can be told without running it.

Assignments, defaults, arrays, ``for`` over words that are known, functions, ``cd`` and ``source`` are followed; of branches,
all. What a program prints, the environment and the arguments of the script are not known, and stay open.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from bakegen.adopt.model import Command
from bakegen.adopt.shell_words import TOP, Script, Value, Words, joined, text_of
from bakegen.adopt.variables import known, left_open
from bakegen.errors import Problem, Where

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_MAX_COMMANDS = 20_000  # of one script, loops counted each time
_MAX_TEXT = 1_000_000  # characters that its variables are given
_MAX_CALLS = 10  # functions and files within each other
_ASSIGNS = {"variable_assignment", "declaration_command"}


class TooMuchError(Exception):
    """A script that would run more commands than is worth following."""


def commands(script: Script, files: Sequence[str], read: Callable[[str], str | None]) -> Iterator[Command]:
    """Yield the commands of a script; ``files`` are all paths of the project, for globs, and ``read`` gives a text."""
    runner = _Runner(script, files, read)
    try:
        yield from runner.file(script)
    except (TooMuchError, RecursionError):
        return


def trouble(script: Script) -> Problem | None:
    """Return what keeps a script from being read, if anything does."""
    root = _parser().parse(script.text.encode("utf-8", "replace")).root_node
    if root.has_error and re.search(r"\b(docker|podman|buildah|nerdctl)\b.*\b(build|bud)\b", script.text):
        return Problem(
            "not all of this script can be read: builds in it may be missed", Where(script.path, script.line)
        )
    return None


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


class _Runner(Words):
    """Walks the trees of a script and of what it sources."""

    def __init__(self, script: Script, files: Sequence[str], read: Callable[[str], str | None]) -> None:
        super().__init__(script, files)
        self.read = read
        self.functions: dict[str, tuple[Script, Node]] = {}
        self.count = self.depth = self.size = 0

    def file(self, script: Script) -> Iterator[Command]:
        """Yield what a whole file runs."""
        self.counted()
        before, self.script = self.script, script
        self.depth += 1
        if self.depth <= _MAX_CALLS:
            tree = _parser().parse(script.text.replace("\r\n", "\n").encode("utf-8", "replace"))
            yield from self.block(tree.root_node.named_children)
        self.depth -= 1
        self.script = before

    def counted(self) -> None:
        """Count a command, or a file, and end what does not end."""
        self.count += 1
        if self.count > _MAX_COMMANDS or self.size > _MAX_TEXT:
            raise TooMuchError

    def block(self, nodes: Sequence[Node]) -> Iterator[Command]:
        for node in nodes:
            yield from self.node(node)

    def node(self, node: Node) -> Iterator[Command]:
        kind = node.type
        if kind in _ASSIGNS:
            self.assign(node)
        elif kind == "function_definition":
            self.functions[text_of(node.named_children[0])] = (self.script, node.named_children[-1])
        elif kind == "command":
            yield from self.command(node)
        elif kind in {"if_statement", "case_statement"}:
            yield from self.branches(node)
        elif kind in {"for_statement", "c_style_for_statement"}:
            yield from self.loop(node)
        elif kind == "subshell":
            env, cwd = dict(self.env), self.cwd
            yield from self.block(node.named_children)
            self.env, self.cwd = env, cwd
        elif kind == "list" and node.named_children and node.named_children[0].type == "test_command":
            yield from self.perhaps([node.named_children[1:]])
        elif kind == "redirected_statement":
            yield from self.block([child for child in node.named_children if not child.type.endswith("_redirect")])
        elif kind not in {"comment", "test_command", "heredoc_body"}:
            yield from self.block(node.named_children)

    def branches(self, node: Node) -> Iterator[Command]:
        """Yield what all branches run; a variable that they leave with different values is open afterwards."""
        blocks: list[list[Node]] = [[]]
        whole = False
        skip = 1 if node.type == "if_statement" else 2
        for child in node.named_children[min(skip, 1) :]:
            if child.type in {"elif_clause", "case_item"}:
                blocks.append(list(child.named_children[1:]))
            elif child.type == "else_clause":
                whole = True
                blocks.append(list(child.named_children))
            elif node.type == "if_statement":
                blocks[0].append(child)
        yield from self.perhaps(blocks, whole=whole)

    def perhaps(self, blocks: Sequence[Sequence[Node]], *, whole: bool = False) -> Iterator[Command]:
        """Yield what blocks run of which one is taken, or none unless they are the ``whole``."""
        start = dict(self.env)
        ends = [] if whole else [start]
        for nodes in blocks:
            if nodes:
                self.env = dict(start)
                yield from self.block(nodes)
                ends.append(self.env)
        self.env = dict(start)
        for name in {name for end in ends for name in end}:
            values = [end[name] for end in ends if name in end]
            self.env[name] = values[0] if all(value == values[0] for value in values) else left_open(name)

    def loop(self, node: Node) -> Iterator[Command]:
        body = node.named_children[-1]
        if node.type != "for_statement":
            yield from self.block(body.named_children)
            return
        name = text_of(node.named_children[0])
        given = [child for child in node.named_children[1:-1] if child.type != "comment"]
        words = [word for child in given for word in self.words(child)]
        for word in words or [left_open(name)]:
            self.env[name] = word
            yield from self.block(body.named_children)

    def assign(self, node: Node) -> None:
        if node.type == "declaration_command":
            for child in node.named_children:
                if child.type == "variable_assignment":
                    self.assign(child)
            return
        name, value = node.named_children[0], node.named_children[1:]
        if name.type == "subscript":
            key = name.named_children
            held = self.env.get(text_of(key[0]), {})
            if isinstance(held, dict) and value:
                self.env[text_of(key[0])] = {**held, self.word(key[1]): self.word(value[0])}
            return
        new: Value = "" if not value else self.array(value[0]) if value[0].type == "array" else self.word(value[0])
        old = self.env.get(text_of(name), "")
        if any(child.type == "+=" for child in node.children):
            new = (*old, *new) if isinstance(old, tuple) and isinstance(new, tuple) else f"{old}{new}"
        self.size += len(new)
        self.env[text_of(name)] = new if len(new) < _MAX_TEXT else left_open(text_of(name))

    def array(self, node: Node) -> Value:
        words = [word for child in node.named_children if child.type != "comment" for word in self.words(child)]
        pairs = [re.fullmatch(r"\[([^\]]*)\]=(.*)", word, re.DOTALL) for word in words]
        if words and all(pairs):
            return {match[1].strip("\"'"): match[2] for match in pairs if match}
        return tuple(words)

    def command(self, node: Node) -> Iterator[Command]:
        self.counted()
        parts = [c for c in node.named_children if c.type != "variable_assignment" and not c.type.endswith("redirect")]
        for child in node.named_children:
            if child.type == "variable_assignment" and (not parts or _lines_apart(node, child, parts[0])):
                self.assign(child)
        words = tuple(word for part in parts for word in self.words(part))
        if not words:
            return
        if words[0] in self.functions and self.depth < _MAX_CALLS:
            yield from self.function(words)
        elif not self.builtin(words):
            if words[0] in {"source", "."} and len(words) > 1:
                yield from self.sourced(words[1])
            yield Command(words, Where(self.script.path, self.script.line + parts[0].start_point[0]), self.cwd)

    def function(self, words: tuple[str, ...]) -> Iterator[Command]:
        script, body = self.functions[words[0]]
        before = {name: value for name, value in self.env.items() if name.isdigit() or name in {"@", "*"}}
        for name in before:
            del self.env[name]
        self.env |= {str(n): word for n, word in enumerate(words[1:], 1)} | {"@": words[1:], "*": words[1:]}
        current, self.script = self.script, script
        self.depth += 1
        yield from self.node(body)
        self.depth -= 1
        self.script = current
        self.env = {n: v for n, v in self.env.items() if not (n.isdigit() or n in {"@", "*"})} | before

    def builtin(self, words: tuple[str, ...]) -> bool:
        """Follow ``cd`` and ``shift``; return whether the command was one of those."""
        if words[0] in {"cd", "pushd"}:
            places = [word for word in words[1:] if not word.startswith("-")]
            self.cwd = joined(self.cwd, places[0]) if places else left_open("HOME")
            return True
        if words[0] == "shift":
            given = self.env.get("@")
            rest = given[1:] if isinstance(given, tuple) else ()
            self.env = {n: v for n, v in self.env.items() if not n.isdigit()}
            self.env |= {str(n): word for n, word in enumerate(rest, 1)} | {"@": rest, "*": rest}
            return True
        return False

    def sourced(self, name: str) -> Iterator[Command]:
        for start in (self.cwd, TOP + posixpath.dirname(self.script.path), TOP):
            path = joined(start, name).removeprefix(TOP)
            text = self.read(path) if known(path) else None
            if text is not None:
                yield from self.file(Script(path, text))
                return


def _lines_apart(node: Node, one: Node, other: Node) -> bool:
    """Return whether a line ends between two parts of a command: the grammar takes assignments above it for its own."""
    between = (node.text or b"")[one.end_byte - node.start_byte : other.start_byte - node.start_byte]
    return b"\n" in between.replace(b"\\\n", b"")
