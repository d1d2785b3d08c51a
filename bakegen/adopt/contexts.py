"""The build context of a Dockerfile that no file says how to build: told from what it copies."""

from __future__ import annotations

import posixpath

from bakegen.adopt.discover import Readable
from bakegen.dockerfile.parser import Dockerfile, Instruction
from bakegen.tree import Tree


def context_of(item: Readable, tree: Tree) -> tuple[str, str]:
    """Return the context in which all that a Dockerfile copies exists, nearest to it, and why it is that."""
    directory = posixpath.dirname(item.path) or "."
    sources = copied(item.parsed)
    if not sources:
        return directory, "its directory: it copies nothing"
    for place in _upwards(directory):
        if all(_exists(source, place, tree) for source in sources):
            return (
                place,
                f"what it copies, such as {sources[0]}, is in {'the top directory' if place == '.' else place}",
            )
    some = [place for place in _upwards(directory) if any(_exists(source, place, tree) for source in sources)]
    if some:
        return some[0], "some of what it copies is there, and not all anywhere"
    return directory, "its directory: what it copies is nowhere in the project"


def copied(dockerfile: Dockerfile) -> tuple[str, ...]:
    """Return the sources of COPY and ADD that the context must hold, as they are written; those with variables aside."""
    return tuple(dict.fromkeys(source for one in dockerfile.instructions for source in _sources(one)))


def _sources(instruction: Instruction) -> tuple[str, ...]:
    if instruction.name not in {"COPY", "ADD"} or any(flag.startswith("--from=") for flag in instruction.flags):
        return ()
    given = instruction.values[:-1]
    return tuple(s for s in given if "$" not in s and "://" not in s and not s.startswith(("<<", "git@")))


def _upwards(directory: str) -> list[str]:
    parts = [] if directory == "." else directory.split("/")
    return ["/".join(parts[:n]) or "." for n in range(len(parts), -1, -1)]


def _exists(source: str, place: str, tree: Tree) -> bool:
    inside = posixpath.normpath(posixpath.join(place, source.lstrip("/") or "."))
    if inside.startswith(".."):
        return False
    if any(c in source for c in "*?["):
        return bool(tree.glob(inside))
    return tree.kind(inside) in {"file", "directory"}
