"""The project's files as the pure middle sees them: a question and answer, no paths of the machine."""

from __future__ import annotations

from functools import cache
from typing import Literal, Protocol

Kind = Literal["file", "directory", "special file", "missing", "outside"]


class Tree(Protocol):
    """Files below the manifest, named by relative paths with forward slashes."""

    def kind(self, path: str) -> Kind:
        """Return what stands at ``path``; ``outside`` when it, or a link in it, leads out of the project."""
        ...

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths that match a pattern of COPY, sorted."""
        ...

    def text(self, path: str) -> str | None:
        """Return the text of a file that exists, or None when it is not readable as UTF-8."""
        ...


class Once:
    """A tree that asks another one once for each path: 500 images may name one file, and it should not change between."""

    def __init__(self, tree: Tree) -> None:
        """Take the tree to ask."""
        self.kind = cache(tree.kind)
        self.glob = cache(tree.glob)
        self.text = cache(tree.text)
