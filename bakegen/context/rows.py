"""A context in a few rows: directories summed up, opened where that shows more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from bakegen.context.model import File


@dataclass(slots=True)
class _Node:
    sent: int = 0
    size: int = 0
    files: int = 0
    children: set[str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A file, or a directory (its path ends in a slash) with all that is in it and has no row of its own."""

    path: str
    sent: int
    size: int
    files: int


def rows(files: Iterable[File], top: int) -> tuple[tuple[Row, ...], Row | None]:
    """Return at most ``top`` rows, most sent and then largest first, and the rest in one.

    The largest directories are opened as long as their contents fit; one of which nothing is sent stays closed.
    """
    nodes = _summed(files)
    if "" not in nodes:
        return (), None
    shown: list[str] = []
    heap = [(_order(nodes, path), path) for path in nodes[""].children or ()]
    heapify(heap)
    while heap:
        _, path = heappop(heap)
        children = nodes[path].children
        worth = nodes[path].sent or not nodes[""].sent
        if children and worth and len(shown) + len(heap) + len(children) <= max(top, 1):
            for child in children:
                heappush(heap, (_order(nodes, child), child))
        else:
            shown.append(path)
    found = [_row(path, nodes[path]) for path in sorted(shown, key=lambda path: _order(nodes, path))]
    return tuple(found[:top]), _rest(found[top:])


def _summed(files: Iterable[File]) -> dict[str, _Node]:
    """Return every file and directory with the sum of what is in it; the context itself is ""."""
    nodes: dict[str, _Node] = defaultdict(_Node)
    for file in files:
        path = file.path
        while True:
            node = nodes[path]
            node.sent += file.size if file.sent else 0
            node.size += file.size
            node.files += 1
            if not path:
                break
            above = path.rpartition("/")[0]
            siblings = nodes[above].children
            if siblings is None:
                siblings = nodes[above].children = set()
            siblings.add(path)
            path = above
    return nodes


def _order(nodes: dict[str, _Node], path: str) -> tuple[int, int, int, str]:
    node = nodes[path]
    return -node.sent, -node.size, -node.files, path


def _row(path: str, node: _Node) -> Row:
    return Row(f"{path}/" if node.children else path, node.sent, node.size, node.files)


def _rest(rows: Sequence[Row]) -> Row | None:
    if not rows:
        return None
    sums = (sum(row.sent for row in rows), sum(row.size for row in rows), sum(row.files for row in rows))
    return Row(f"{len(rows)} more", *sums)
