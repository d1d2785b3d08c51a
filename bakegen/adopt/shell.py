"""A shell script -> the commands it would run, as far as that can be told without running it.

Assignments, defaults, arrays, ``for`` over words that are known, functions, ``cd`` and ``source`` are followed; of branches,
all. What a program prints, the environment and the arguments of the script are not known, and stay open.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from bakegen.adopt.model import Command
from bakegen.adopt.variables import known, left_open
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.errors import Problem, Where

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

Value: TypeAlias = str | tuple[str, ...] | dict[str, str]
_MAX_COMMANDS = 20_000  # of one script, loops counted each time
_MAX_CALLS = 10  # functions and files within each other
_TOP = "//"
_ASSIGNS = {"variable_assignment", "declaration_command"}
_GLOB = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$(\w+|[@*])|\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Script:
    """A script: ``line`` is where its text begins in the file, ``env`` what is set for it from outside."""

    path: str
    text: str
    line: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""


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


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


class _Runner:
    """Walks the trees of a script and of what it sources."""

    def __init__(self, script: Script, files: Sequence[str], read: Callable[[str], str | None]) -> None:
        self.files, self.read = files, read
        self.env: dict[str, Value] = dict(script.env)
        self.functions: dict[str, tuple[Script, Node]] = {}
        self.script, self.cwd = script, script.cwd
        self.count = self.depth = 0

    def file(self, script: Script) -> Iterator[Command]:
        """Yield what a whole file runs."""
        before, self.script = self.script, script
        self.depth += 1
        if self.depth <= _MAX_CALLS:
            tree = _parser().parse(script.text.replace("\r\n", "\n").encode("utf-8", "replace"))
            yield from self.block(tree.root_node.named_children)
        self.depth -= 1
        self.script = before

    def block(self, nodes: Sequence[Node]) -> Iterator[Command]:
        for node in nodes:
            yield from self.node(node)

    def node(self, node: Node) -> Iterator[Command]:
        kind = node.type
        if kind in _ASSIGNS:
            self.assign(node)
        elif kind == "function_definition":
            self.functions[_text(node.named_children[0])] = (self.script, node.named_children[-1])
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
        name = _text(node.named_children[0])
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
            held = self.env.get(_text(key[0]), {})
            if isinstance(held, dict) and value:
                self.env[_text(key[0])] = {**held, self.word(key[1]): self.word(value[0])}
            return
        new: Value = "" if not value else self.array(value[0]) if value[0].type == "array" else self.word(value[0])
        old = self.env.get(_text(name), "")
        if any(child.type == "+=" for child in node.children):
            new = (*old, *new) if isinstance(old, tuple) and isinstance(new, tuple) else f"{old}{new}"
        self.env[_text(name)] = new

    def array(self, node: Node) -> Value:
        words = [word for child in node.named_children if child.type != "comment" for word in self.words(child)]
        pairs = [re.fullmatch(r"\[([^\]]*)\]=(.*)", word, re.DOTALL) for word in words]
        if words and all(pairs):
            return {match[1].strip("\"'"): match[2] for match in pairs if match}
        return tuple(words)

    def command(self, node: Node) -> Iterator[Command]:
        self.count += 1
        if self.count > _MAX_COMMANDS:
            raise TooMuchError
        own = [child for child in node.named_children if child.type == "variable_assignment"]
        parts = [c for c in node.named_children if c.type != "variable_assignment" and not c.type.endswith("redirect")]
        words = tuple(word for part in parts for word in self.words(part))
        if not words:
            for child in own:
                self.assign(child)
            return
        if words[0] in self.functions and self.depth < _MAX_CALLS:
            yield from self.function(words)
        elif not self.builtin(words):
            if words[0] in {"source", "."} and len(words) > 1:
                yield from self.sourced(words[1])
            yield Command(words, Where(self.script.path, self.script.line + node.start_point[0]), self.cwd)

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
        for start in (self.cwd, _TOP + posixpath.dirname(self.script.path), _TOP):
            path = joined(start, name).removeprefix(_TOP)
            text = self.read(path) if known(path) else None
            if text is not None:
                yield from self.file(Script(path, text))
                return

    # words

    def words(self, node: Node) -> list[str]:
        """Return the words that a node of the tree becomes: several for an array, a glob, or words in a variable."""
        raw = _text(node)
        if array := re.fullmatch(r'"?\$\{(!?)(\w+)\[[@*]\]\}"?|"?\$([@*])"?', raw):
            value = self.env.get(array[2] or array[3])
            if isinstance(value, dict):
                return list(value) if array[1] else list(value.values())
            return list(value) if isinstance(value, tuple) else [left_open(array[2] or array[3])]
        if node.type == "brace_expression" or (
            node.type in {"word", "concatenation"} and re.search(r"\{[^{}$]*,", raw)
        ):
            return [one for word in _braces(self.word(node)) for one in self.globbed(word)]
        word = self.word(node)
        if node.type in {"simple_expansion", "expansion"} and known(word):
            return [one for part in word.split() for one in self.globbed(part)]
        return self.globbed(word) if node.type in {"word", "concatenation"} else [word]

    def globbed(self, word: str) -> list[str]:
        """Return the paths that a word stands for; itself where it is no pattern or nothing matches."""
        if not _GLOB.search(word) or not known(word):
            return [word]
        pattern = word.rstrip("/")
        for start in (self.cwd, _TOP + posixpath.dirname(self.script.path)):
            base = start.removeprefix(_TOP).strip("/")
            below = [path.removeprefix(f"{base}/") for path in self.files if not base or path.startswith(f"{base}/")]
            found = {p for path in below for p in ([] if word.endswith("/") else [path]) + _above(path)}
            hits = sorted(p for p in found if p.count("/") == pattern.count("/") and fnmatchcase(p, pattern))
            if hits:
                return [f"{hit}/" if word.endswith("/") else hit for hit in hits]
        return [word]

    def word(self, node: Node) -> str:  # noqa: PLR0911 - a table of kinds
        kind, raw = node.type, _text(node)
        if kind == "raw_string":
            return raw[1:-1]
        if kind in {"word", "number", "string_content", "variable_name", "special_variable_name"}:
            return raw if kind == "string_content" else re.sub(r"\\(.)", r"\1", raw.replace("\\\n", ""))
        if kind == "simple_expansion":
            return self.variable(raw[1:])
        if kind == "expansion":
            return self.expansion(node, raw)
        if kind == "command_substitution":
            return self.substitution(node)
        if kind in {"string", "concatenation", "command_name", "translated_string", "brace_expression"}:
            return self.joined_parts(node)
        return raw if "$" not in raw and "`" not in raw else left_open("?")

    def joined_parts(self, node: Node) -> str:
        """Return the parts of a word put together, with what stands between them."""
        text, done = node.text or b"", 0
        quoted = node.type == "string"
        parts: list[str] = []
        for child in node.named_children:
            start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            parts += [text[done:start].decode("utf-8", "replace"), self.word(child)]
            done = end
        whole = "".join([*parts, text[done:].decode("utf-8", "replace")])
        if not quoted:
            return whole
        whole = whole.removeprefix('"').removesuffix('"')
        return re.sub(r'\\(["\\$`])', r"\1", whole).replace("\\\n", "")

    def variable(self, name: str) -> str:
        value = self.env.get(name)
        if isinstance(value, tuple):
            return " ".join(value) if name in {"@", "*"} else (value[0] if value else "")
        if name == "PWD":
            return self.cwd or "."
        if name in {"0", "BASH_SOURCE"}:
            return _TOP + self.script.path
        return value if isinstance(value, str) else left_open(name)

    def element(self, match: re.Match[str]) -> str:
        """Return one value of an array."""
        if match[1] == "BASH_SOURCE":
            return _TOP + self.script.path
        key = _VARIABLE.sub(lambda m: self.variable(m[1] or m[2]), match[2].strip("\"'"))
        held = self.env.get(match[1])
        if isinstance(held, tuple) and key.isdigit() and int(key) < len(held):
            return held[int(key)]
        return held.get(key, left_open(match[1])) if isinstance(held, dict) else left_open(match[1])

    def expansion(self, node: Node, raw: str) -> str:
        """Return what ``${...}`` stands for."""
        if match := re.fullmatch(r"\$\{(\w+)\[([^\]]+)\]\}", raw):
            return self.element(match)
        name = next((_text(child) for child in node.named_children if child.type.endswith("variable_name")), "")
        if not name:
            return left_open(raw.strip("${}") or "?")
        value = self.variable(name)
        how = re.match(r"\$\{\w+(:?[-=?+])", raw)
        if how:
            return self.with_default(node, name, value, how[1])
        if not known(value):
            return value
        try:
            return expand(raw, {**{n: v for n, v in self.env.items() if isinstance(v, str)}, name: value}).text
        except ShellError:
            return left_open(name)

    def with_default(self, node: Node, name: str, value: str, how: str) -> str:
        unset = value == left_open(name) or (how[0] == ":" and not value)
        rest = [child for child in node.named_children if child.type not in {"variable_name", "special_variable_name"}]
        word = "".join(self.word(child) for child in rest)
        if how[-1] in "-=":
            if unset and how[-1] == "=":
                self.env[name] = word
            return word if unset else value
        if how[-1] == "+":
            return "" if unset else word
        return value

    def substitution(self, node: Node) -> str:
        """Return what a command prints, for the few whose answer does not depend on the machine."""
        inner = re.sub(
            r"\s*2>\s*(/dev/null|&1)", "", _text(node).strip("`").removeprefix("$(").removesuffix(")").strip()
        )
        found = [c for child in node.named_children for c in _simple(child)]
        words = [tuple(word for part in c.named_children for word in self.words(part)) for c in found]
        cwd = self.cwd or "."
        if re.fullmatch(r"cd\s.*&&\s*pwd(\s+-P)?", inner, re.DOTALL) and len(words[0]) > 1:
            return joined(self.cwd, next((w for w in words[0][1:] if not w.startswith("-")), ".")) or "."
        if inner.startswith("git rev-parse --show-toplevel"):
            return _TOP
        if inner in {"pwd", "pwd -P"}:
            return cwd
        if len(words) == 1 and len(words[0]) > 1 and known(words[0][-1]):
            return self.answer(words[0])
        return left_open(f"$({inner.split()[0] if inner.split() else ''})")

    def answer(self, words: tuple[str, ...]) -> str:
        name, operand = words[0], words[1]
        if name == "dirname":
            top = operand.startswith(_TOP)
            return _TOP + posixpath.dirname(operand.removeprefix(_TOP)) if top else posixpath.dirname(operand) or "."
        if name == "basename":
            bare = posixpath.basename(operand.rstrip("/"))
            return bare.removesuffix(words[2]) if len(words) > 2 else bare  # noqa: PLR2004 - basename PATH SUFFIX
        if name in {"realpath", "readlink"}:
            return joined(self.cwd, words[-1])
        return " ".join(words[1:]) if name == "echo" else left_open(f"$({name})")


def _simple(node: Node) -> Iterator[Node]:
    if node.type == "command":
        yield node
    else:
        for child in node.named_children:
            yield from _simple(child)


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _braces(word: str) -> list[str]:
    """Return the words that ``a{b,c}d`` stands for."""
    match = re.search(r"(?<!\$)\{([^{}]*,[^{}]*)\}", word)
    if match is None:
        return [word]
    options = match[1].split(",")
    return [one for option in options for one in _braces(word[: match.start()] + option + word[match.end() :])][:1000]


def joined(start: str, path: str) -> str:
    """Return ``path`` as seen from ``start``; "//" begins what counts from the top of the project."""
    if path.startswith(_TOP):
        return _TOP + posixpath.normpath("/" + path[2:]).lstrip("/")
    if path.startswith(("/", "~")) or not known(path):
        return path
    if start.startswith(_TOP):
        inside = posixpath.normpath(posixpath.join(start[2:], path))
        return inside if inside.startswith("..") else _TOP + ("" if inside == "." else inside)
    found = posixpath.normpath(posixpath.join(start, path))
    return "" if found == "." else found
