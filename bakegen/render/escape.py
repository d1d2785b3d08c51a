"""Escaping: any string -> the same string as HCL, Dockerfile, shell or JSON reads it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/@%+=:*?-]+")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9._/@%+=:,-]+")
_HCL = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}  # all that HCL has; the rest as \\uXXXX
_SPACE, _DEL = 0x20, 0x7F
_LINE = 100
#: One line that Dockerfile and shell read alike: no flag, no JSON, no comment, no continuation, no heredoc.
_SIMPLE_COMMAND = re.compile(r"(?!--|\[|#)[^\s\\<](?:[^\n\r\\<]|<(?!<)|\\(?=[^\s]))*(?<!\s)")


def hcl(text: str) -> str:
    """Return ``text`` as a quoted HCL template without interpolation.

    https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions
    """
    quoted = "".join(_HCL.get(c) or (f"\\u{ord(c):04x}" if ord(c) < _SPACE or ord(c) == _DEL else c) for c in text)
    return '"' + quoted.replace("${", "$${").replace("%{", "%%{") + '"'


def hcl_list(items: Iterable[str]) -> str:
    """Return strings as an HCL list in one line."""
    return "[" + ", ".join(hcl(item) for item in items) + "]"


def hcl_value(value: object, indent: str = "  ") -> str:
    """Return texts, numbers, booleans, and lists and mappings of them as HCL; what is longer than a line gets several.

    ``indent`` is that of the attribute which the value belongs to.
    """
    if isinstance(value, Mapping):
        pairs = [f"{hcl(str(key))} = {hcl_value(item, indent + '  ')}" for key, item in value.items()]
        return _bracketed("{", "}", pairs, indent, "")
    if isinstance(value, list | tuple):
        return _bracketed("[", "]", [hcl_value(item, indent + "  ") for item in value], indent, ",")
    return hcl(value) if isinstance(value, str) else json.dumps(value)


def _bracketed(opening: str, closing: str, items: Sequence[str], indent: str, end: str) -> str:
    """Return items between brackets, in one line where they fit; ``end`` is what ends an item in a line of its own."""
    line = ", ".join(items)
    space = " " if opening == "{" and items else ""
    if len(indent) + len(line) < _LINE and "\n" not in line:
        return f"{opening}{space}{line}{space}{closing}"
    return "\n".join([opening, *(f"{indent}  {item}{end}" for item in items), indent + closing])


def dockerfile_value(text: str) -> str:
    """Return ``text`` as one value of ENV or ARG: literal, whatever it holds except line ends.

    https://docs.docker.com/reference/dockerfile/#environment-replacement
    """
    if _PLAIN_VALUE.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def dockerfile_paths(paths: Iterable[str]) -> str:
    """Return the operands of COPY: words where that reads the same, else the JSON form.

    Both are expanded like a word of a shell, so what it takes for a variable or a quote is escaped.
    """
    literal = [re.sub(r"""(["'\\$])""", r"\\\1", path) for path in paths]
    if all(_PLAIN_PATH.fullmatch(path) and not path.startswith("--") for path in literal):
        return " ".join(literal)
    return json.dumps(literal, ensure_ascii=False)


def exec_form(words: Iterable[str]) -> str:
    """Return a command in exec form, which no shell and no variable touches."""
    return json.dumps(list(words), ensure_ascii=False)


def shell_word(text: str) -> str:
    """Return ``text`` as one word of a POSIX shell."""
    return shlex.quote(text)


def continued(flags: Iterable[str]) -> str:
    """Return flags of RUN, a line each, ready for the command to follow."""
    return "".join(f"{flag} \\\n    " for flag in flags)


def run_command(command: str, flags: Iterable[str] = ()) -> str:
    """Return what follows RUN: the flags and the command, which is a heredoc where a line would be read otherwise.

    In a heredoc a failing line ends the step, as it would with ``&&``.
    """
    if _SIMPLE_COMMAND.fullmatch(command):
        return continued(flags) + command
    word = "EOF"
    while word in command:
        word += "F"
    return continued(flags) + f"<<'{word}'\nset -e\n{command.rstrip()}\n{word}"


def frozen(names: Iterable[str]) -> str:
    """Return a sed command that drops packages from a list of ``name==version``; names compare as PEP 503 says."""
    patterns = "|".join(re.sub(r"[-_.]+", "[-_.]", name) for name in names)
    return f"/^({patterns})==/Id"


def single_line(text: str) -> bool:
    """Return whether a Dockerfile can hold ``text`` as a value."""
    return not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)
