"""Requirement files: which others they include, and shell commands that lose a bound.

Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from bakegen.tree import Tree

_INCLUDE = re.compile(r"^\s*(?:-[rc]\s*|--(?:requirement|constraint)(?:\s+|=))(?P<path>[^\s#]+)")
_INSTALL = re.compile(r"\b(?:pip3?(?:\.\d+)?|uv\s+pip)\s+install\b")


def included(path: str, tree: Tree) -> tuple[str, ...]:
    """Return the files that a requirement file includes, directly or not, in order; missing ones too."""
    found: list[str] = []
    queue = [path]
    while queue:
        current = queue.pop(0)
        text = tree.text(current) if tree.kind(current) == "file" else None
        for line in (text or "").splitlines():
            if (match := _INCLUDE.match(line)) and "://" not in match["path"]:
                target = posixpath.normpath(posixpath.join(posixpath.dirname(current), match["path"]))
                if target not in found and target != path:
                    found.append(target)
                    queue.append(target)
    return tuple(found)


def lost_bounds(command: str) -> Iterator[str]:
    """Return each requirement of a ``pip install`` whose bound the shell takes for a redirect.

    ``pip install a>=2`` installs any ``a`` and writes a file called ``=2``.
    """
    bare = _blank_quoted(command)
    for match in _INSTALL.finditer(bare):
        end = re.search(r"[;|\n]|&&", bare[match.end() :])
        stop = match.end() + end.start() if end else len(bare)
        for word in re.finditer(
            r"(?<!\S)[A-Za-z][A-Za-z0-9._-]*(\[[^\]\s]*\])?[<>]=?[=\d]\S*", bare[match.end() : stop]
        ):
            yield command[match.end() + word.start() : match.end() + word.end()]


def _blank_quoted(command: str) -> str:
    """Return ``command`` of the same length, with everything quoted or escaped replaced by underscores."""
    pattern = r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\."
    return re.sub(pattern, lambda m: "  " if m[0] == "\\\n" else "_" * len(m[0]), command, flags=re.DOTALL)
