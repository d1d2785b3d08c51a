"""Plain values -> YAML as a person would write it, which reads back the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bakegen.family.scalars import resolve

WIDTH = 110
#: Words that mean the same to every reader of YAML, in a list or not.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@+=:-]*(?: [A-Za-z0-9_./(][A-Za-z0-9_./@+=:()-]*)*")
#: Texts for a reader of YAML 1.1, which bakegen is not but editors are.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a mapping as lines; what fits in one stands in one."""
    for key, item in value.items():
        head = f"{indent}{scalar(str(key))}:"
        line = f"{head} {flow(item)}"
        if _fits(item, line):
            yield line
        elif isinstance(item, Mapping):
            yield head
            yield from yaml_lines(item, indent + "  ")
        elif isinstance(item, list | tuple):
            yield head
            yield from _items(item, indent + "  ")
        elif _is_text_block(item):
            yield f"{head} |{'' if item.endswith(chr(10)) else '-'}"
            yield from (f"{indent}  {text}" if text else "" for text in item.removesuffix("\n").split("\n"))
        else:
            yield line


def _items(items: list[Any] | tuple[Any, ...], indent: str) -> Iterator[str]:
    for item in items:
        line = f"{indent}- {flow(item)}"
        if _fits(item, line) or not isinstance(item, Mapping) or not item:
            yield line
        else:
            first, *rest = yaml_lines(item, indent + "  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from rest


def flow(value: object) -> str:
    """Return a value in one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{scalar(str(key))}: {flow(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value) if isinstance(value, str) else str(value)


def scalar(text: str) -> str:
    """Return a text as YAML: bare where every reader takes it for that text, else in double quotes."""
    bare = (
        _PLAIN.fullmatch(text)
        and not text.endswith(":")
        and ": " not in text
        and any(c.isalpha() for c in text)
        and isinstance(resolve(text), str)
        and text.lower() not in _WORDS
    )
    return text if bare else '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of the escapes


def _fits(item: object, line: str) -> bool:
    blocks = isinstance(item, Mapping) and any(
        _is_text_block(inner) or isinstance(inner, Mapping) for inner in item.values()
    )
    if isinstance(item, Mapping | list | tuple) and not item:
        return True  # however long its name is: in lines of its own it would be null
    return len(line) <= WIDTH and not _is_text_block(item) and not blocks


def _is_text_block(item: object) -> bool:
    """Return whether a text of several lines can stand as it is."""
    if not isinstance(item, str) or "\n" not in item or item.endswith("\n\n") or item.startswith((" ", "\n")):
        return False
    return all(line.isprintable() and line == line.rstrip() for line in item.split("\n"))
