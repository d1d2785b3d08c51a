"""YAML text -> plain values that remember where they stand (line and column, from 1).

Duplicate keys, anchors that contain themselves, tags and documents of a size no family needs are problems, not surprises.
Events are folded with a stack of our own: nesting cannot exhaust Python's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from bakegen.errors import ManifestError, Problem, Where, by_place
from bakegen.family.scalars import resolve

MAX_BYTES = 2 * 1024 * 1024
_EMPTY = "start with: version: 1, family: NAME, bases, images (see README)"
MAX_NODES = 400_000
MAX_DEPTH = 50
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_STR_TAG = "tag:yaml.org,2002:str"

Loc: TypeAlias = tuple[str | int, ...]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """One value of the document, where it stands, and its children by key or index."""

    value: Any
    line: int
    column: int
    raw: str = ""
    plain: bool = False
    size: int = 1
    anchor: str | None = None
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed manifest: its path as the user wrote it, and its tree of values."""

    path: str
    root: Node

    @property
    def data(self) -> dict[str, Any]:
        """The document as plain dicts, lists and scalars."""
        value: dict[str, Any] = self.root.value
        return value

    def node(self, loc: Loc) -> Node | None:
        """Return the value at ``loc``, or None when nothing stands there.

        A lone item is its list's first; a value that is no mapping stands for the main field of one.
        """
        node = self.root
        for step in loc:
            child = node.children.get(step)
            short = not isinstance(node.value, list if step == 0 else dict) and (step == 0 or isinstance(step, str))
            if child is None and not short:
                return None
            node = child or node
        return node

    def where(self, loc: Loc, *, key: bool = False) -> Where:
        """Return the place of the value at ``loc`` (of its key with ``key``), or of what is nearest above it."""
        node, place = self.root, (self.root.line, self.root.column)
        for index, step in enumerate(loc):
            last = index == len(loc) - 1
            if last and key and step in node.keys:
                return Where(self.path, *node.keys[str(step)])
            if step not in node.children:
                continue  # pydantic names union members and validators in its locations: no place of their own
            node = node.children[step]
            place = (node.line, node.column)
        return Where(self.path, *place)


def parse(text: bytes, path: str, *, empty: str = _EMPTY) -> Source:
    """Return the tree of the YAML mapping in ``text``; every problem of its syntax is a ManifestError.

    ``empty`` is what to do about a file without content.
    """
    if len(text) > MAX_BYTES:
        raise ManifestError(
            Problem(
                f"the file is larger than {MAX_BYTES / 1e6:.0f} MB",
                Where(path),
                next="500 images take about 0.2 MB: is this the right file?",
            )
        )
    source = _decode(text, path)
    builder = _Builder(path)
    try:
        for event in yaml.parse(source, Loader=Loader):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise ManifestError(_syntax(error, source, path)) from None
    except yaml.YAMLError as error:
        raise ManifestError(Problem(f"not YAML: {error}".splitlines()[0], Where(path))) from None
    if builder.problems:
        raise ManifestError(*sorted(builder.problems, key=by_place))
    root = builder.root
    if root is None or root.value is None:
        raise ManifestError(
            Problem(
                "the file is empty",
                Where(path, 1, 1),
                next=empty,
            )
        )
    if not isinstance(root.value, dict):
        raise ManifestError(
            Problem("the file must be a mapping of keys to values", Where(path, root.line, root.column))
        )
    return Source(path, root)


def _decode(text: bytes, path: str) -> str:
    """Return ``text`` as a string without its byte order mark; not UTF-8 or not text is a ManifestError."""
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - (text.rfind(b"\n", 0, error.start) + 1) + 1
        raise ManifestError(
            Problem(
                f"byte 0x{text[error.start]:02x} is not UTF-8",
                Where(path, line, column),
                next="save the file as UTF-8 text",
            )
        ) from None
    bad = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", decoded)
    if bad:
        before = decoded[: bad.start()]
        raise ManifestError(
            Problem(
                f"control character U+{ord(bad[0]):04X}: this is not a text file",
                Where(path, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1),
                next='in a value, write it as an escape in double quotes, such as "\\x1b"',
            )
        )
    return decoded


def _syntax(error: yaml.MarkedYAMLError, text: str, path: str) -> Problem:
    """Return PyYAML's complaint in our form."""
    mark = error.problem_mark or error.context_mark
    where = Where(path, mark.line + 1, mark.column + 1) if mark else Where(path)
    what = str(error.problem or error.context or "not YAML")
    if mark and _character(text, mark.line, mark.column) == "\t":
        return Problem("a tab cannot indent YAML", where, next="indent with spaces")
    if "undefined alias" in what:
        return Problem(what, where, next="an anchor (&name) must stand before its alias (*name)")
    if "maximum nesting depth" in what:  # libyaml looks ahead, with a limit of its own since PyYAML 6.0.4
        return Problem(_TOO_DEEP, where)
    context = f"{error.context}: " if error.context and error.problem else ""
    return Problem(f"not YAML: {context}{what}", where)


def _character(text: str, line: int, column: int) -> str:
    """Return the character at a place counted from 0, or nothing past the end."""
    lines = text.splitlines()
    return lines[line][column : column + 1] if line < len(lines) else ""


class _Builder:
    """Folds parser events into nodes; collects what YAML permits and a manifest does not."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._stack: list[tuple[Node, list[Node]]] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._nodes = 0

    def feed(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's events have no common typed base
        """Take one event."""
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event, line, column))
        elif isinstance(event, yaml.CollectionStartEvent):
            empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open(Node(empty, line, column, anchor=event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(str(event.anchor), line, column))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._fail("a second document in the file", line, column, "keep one family a file; remove the '---'")

    def _fail(self, what: str, line: int, column: int, tip: str = "") -> None:
        self.problems.append(Problem(what, Where(self.path, line, column), next=tip))

    def _scalar(self, event: Any, line: int, column: int) -> Node:  # noqa: ANN401 - see feed
        if event.tag not in (None, "!", _STR_TAG):
            self._fail(f"the tag {event.tag} has no meaning here", line, column, "remove it")
        plain = event.implicit[0] and event.tag is None
        value = resolve(event.value) if plain else event.value
        return Node(value, line, column, raw=event.value, plain=plain, anchor=event.anchor)

    def _alias(self, name: str, line: int, column: int) -> Node:
        target = self._anchors.get(name)
        if any(node.anchor == name for node, _ in self._stack):
            self._fail(f"the anchor &{name} contains itself", line, column, f"*{name} must not stand inside &{name}")
            return Node({}, line, column)  # fits everywhere, merges included: one problem is enough
        if target is None:
            self._fail(
                f"*{name} refers to an anchor that does not exist", line, column, "an anchor stands before its alias"
            )
            return Node({}, line, column)  # fits everywhere, merges included: one problem is enough
        return target

    def _open(self, node: Node) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise ManifestError(Problem(_TOO_DEEP, Where(self.path, node.line, node.column)))
        self._stack.append((node, []))

    def _add(self, node: Node) -> None:
        self._nodes += node.size
        if self._nodes > MAX_NODES:
            raise ManifestError(
                Problem(
                    f"more than {MAX_NODES} values, aliases expanded",
                    Where(self.path, node.line, node.column),
                    next="aliases of aliases multiply; write the values out",
                )
            )
        if node.anchor:
            self._anchors[node.anchor] = node
        if self._stack:
            self._stack[-1][1].append(node)
        else:
            self.root = node

    def _close(self) -> None:
        node, items = self._stack.pop()
        if isinstance(node.value, list):
            node.value.extend(item.value for item in items)
            node.children.update(enumerate(items))
        else:
            self._mapping(node, items)
        node.size += sum(item.size for item in items)
        self._nodes -= node.size - 1
        self._add(node)

    def _mapping(self, node: Node, items: list[Node]) -> None:
        merged: list[Node] = []
        for key, value in _pairs(items):
            if isinstance(key.value, (dict, list)):
                self._fail("a key must be a plain word, not a list or a mapping", key.line, key.column)
            elif key.raw == "<<" and key.plain:
                merged.extend(self._merge_sources(value))
            elif key.raw in node.children:
                first = node.keys[key.raw]
                self._fail(
                    f"the key {key.raw!r} stands here a second time",
                    key.line,
                    key.column,
                    f"the first is in line {first[0]}",
                )
            else:
                node.children[key.raw] = value
                node.keys[key.raw] = (key.line, key.column)
        for source in merged:  # a key written out beats a merged one, an earlier source beats a later one
            for name, child in source.children.items():
                if name not in node.children:
                    node.children[name] = child
                    node.keys[str(name)] = source.keys[str(name)]
        node.value.update({name: child.value for name, child in node.children.items()})

    def _merge_sources(self, value: Node) -> Iterator[Node]:
        sources = value.children.values() if isinstance(value.value, list) else [value]
        for source in sources:
            if isinstance(source.value, dict):
                yield source
            else:
                self._fail("<< takes a mapping or a list of mappings", source.line, source.column)


def _pairs(items: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Return keys with their values."""
    return zip(items[::2], items[1::2], strict=True)
