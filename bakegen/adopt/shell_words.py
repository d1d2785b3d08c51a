"""The words of a shell script, as far as their values are known without running it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from bakegen.adopt.variables import known, left_open
from bakegen.dockerfile.shell import ShellError, expand

if TYPE_CHECKING:
    from tree_sitter import Node

Value: TypeAlias = str | tuple[str, ...] | dict[str, str]
#: Begins a path that counts from the top of the project.
TOP = "//"
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


class Words:
    """What is known at one point of a script, and what its words are there."""

    def __init__(self, script: Script, files: Sequence[str]) -> None:
        """Begin with what is set from outside; ``files`` are all paths of the project, for globs."""
        self.files = files
        self.env: dict[str, Value] = dict(script.env)
        self.script, self.cwd = script, script.cwd

    def words(self, node: Node) -> list[str]:
        """Return the words that a node of the tree becomes: several for an array, a glob, or words in a variable."""
        raw = text_of(node)
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
        for start in (self.cwd, TOP + posixpath.dirname(self.script.path)):
            base = start.removeprefix(TOP).strip("/")
            below = [path.removeprefix(f"{base}/") for path in self.files if not base or path.startswith(f"{base}/")]
            found = {p for path in below for p in ([] if word.endswith("/") else [path]) + _above(path)}
            hits = sorted(p for p in found if p.count("/") == pattern.count("/") and fnmatchcase(p, pattern))
            if hits:
                return [f"{hit}/" if word.endswith("/") else hit for hit in hits]
        return [word]

    def word(self, node: Node) -> str:  # noqa: PLR0911 - a table of kinds
        """Return the text of one node as one word."""
        kind, raw = node.type, text_of(node)
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
        """Return the value of a variable as one word."""
        value = self.env.get(name)
        if isinstance(value, tuple):
            return " ".join(value) if name in {"@", "*"} else (value[0] if value else "")
        if name == "PWD":
            return self.cwd or "."
        if name in {"0", "BASH_SOURCE"}:
            return TOP + self.script.path
        return value if isinstance(value, str) else left_open(name)

    def element(self, match: re.Match[str]) -> str:
        """Return one value of an array."""
        if match[1] == "BASH_SOURCE":
            return TOP + self.script.path
        key = _VARIABLE.sub(lambda m: self.variable(m[1] or m[2]), match[2].strip("\"'"))
        held = self.env.get(match[1])
        if isinstance(held, tuple) and key.isdigit() and int(key) < len(held):
            return held[int(key)]
        return held.get(key, left_open(match[1])) if isinstance(held, dict) else left_open(match[1])

    def expansion(self, node: Node, raw: str) -> str:
        """Return what ``${...}`` stands for."""
        if match := re.fullmatch(r"\$\{(\w+)\[([^\]]+)\]\}", raw):
            return self.element(match)
        name = next((text_of(child) for child in node.named_children if child.type.endswith("variable_name")), "")
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
        """Return what ``${NAME:-word}`` and its kin stand for."""
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
            r"\s*2>\s*(/dev/null|&1)", "", text_of(node).strip("`").removeprefix("$(").removesuffix(")").strip()
        )
        found = [c for child in node.named_children for c in _simple(child)]
        words = [tuple(word for part in c.named_children for word in self.words(part)) for c in found]
        cwd = self.cwd or "."
        if re.fullmatch(r"cd\s.*&&\s*pwd(\s+-P)?", inner, re.DOTALL) and len(words[0]) > 1:
            return joined(self.cwd, next((w for w in words[0][1:] if not w.startswith("-")), ".")) or "."
        if inner.startswith("git rev-parse --show-toplevel"):
            return TOP
        if inner in {"pwd", "pwd -P"}:
            return cwd
        if len(words) == 1 and len(words[0]) > 1 and known(words[0][-1]):
            return self.answer(words[0])
        return left_open(f"$({inner.split()[0] if inner.split() else ''})")

    def answer(self, words: tuple[str, ...]) -> str:
        """Return what dirname, basename, realpath or echo print."""
        name, operand = words[0], words[1]
        if name == "dirname":
            top = operand.startswith(TOP)
            return TOP + posixpath.dirname(operand.removeprefix(TOP)) if top else posixpath.dirname(operand) or "."
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


def text_of(node: Node) -> str:
    """Return the text of a node of the tree."""
    return (node.text or b"").decode("utf-8", "replace")


def joined(start: str, path: str) -> str:
    """Return ``path`` as seen from ``start``; "//" begins what counts from the top of the project."""
    if path.startswith(TOP):
        return TOP + posixpath.normpath("/" + path[2:]).lstrip("/")
    if path.startswith(("/", "~")) or not known(path):
        return path
    if start.startswith(TOP):
        inside = posixpath.normpath(posixpath.join(start[2:], path))
        return inside if inside.startswith("..") else TOP + ("" if inside == "." else inside)
    found = posixpath.normpath(posixpath.join(start, path))
    return "" if found == "." else found
