"""Small manifests for tests; ``§`` in them marks where a problem is expected, so that no line is counted by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bakegen.errors import ManifestError, Problem
from bakegen.plan import Plan
from bakegen.project import Project, load
from tests.support import write_project

MARK = "§"
#: A family with a CPU and a CUDA base; images follow.
HEAD = "version: 1\nfamily: f\nbases: {b: 'python:3.11-slim', g: 'nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04'}\n"

Place = tuple[int, int]


def family(images: str, rest: str = "") -> str:
    """Return a manifest with these images, one a line, and whatever else at the top level."""
    return f"{HEAD}{rest}images:\n" + "".join(f"  {line}\n" for line in images.splitlines())


def places(text: str) -> tuple[str, list[Place]]:
    """Return a manifest without its marks, and their lines and columns."""
    found = []
    clean = ""
    for part in text.split(MARK)[:-1]:
        clean += part
        found.append((clean.count("\n") + 1, len(clean) - clean.rfind("\n")))
    return text.replace(MARK, ""), found


def open_project(root: Path, manifest: str, files: Mapping[str, str] | None = None) -> Project:
    """Write a project and load it."""
    return load(write_project(root, manifest, files))


def plan(root: Path, manifest: str, files: Mapping[str, str] | None = None) -> Plan:
    """Write a project and return its plan."""
    return open_project(root, manifest, files).plan()


def problems(root: Path, manifest: str, files: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Return the problems of a manifest, none when it is sound."""
    try:
        plan(root, places(manifest)[0], files)
    except ManifestError as error:
        return error.problems
    return ()


def at(problem: Problem) -> Place:
    """Return line and column of a problem."""
    assert problem.where is not None
    return problem.where.line, problem.where.column
