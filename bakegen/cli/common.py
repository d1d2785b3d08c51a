"""What several verbs share: options, and columns of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bakegen.project import Project

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def manifest_option(verb: _Verb) -> _Verb:
    """Add ``--file``."""
    return click.option(
        "-f", "--file", "manifest", metavar="PATH", help="Manifest; default: bakegen.yaml here or in a directory above."
    )(verb)


def json_option(verb: _Verb) -> _Verb:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(verb)


def environments(project: Project, built: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Return the environment that each step of a project's images sees; ``built`` are variables of images by name."""
    from bakegen.files import DiskTree
    from bakegen.verdicts.family import family_environments

    return family_environments(project.plan(), DiskTree(project.root), built)


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns, two spaces between them, no white space at the ends of lines."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def to_json(value: object) -> str:
    """Return a value as indented JSON, equal for equal values."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 image``, ``3 images``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
