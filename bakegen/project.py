"""A project: a manifest on disk, its plan, its rendered files. The public Python API."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bakegen import files
from bakegen.errors import ManifestError, Problem
from bakegen.family import Family
from bakegen.family.load import Manifest
from bakegen.family.load import load as load_manifest
from bakegen.files import Change, DiskTree
from bakegen.plan import Plan
from bakegen.render import STALE, rendered
from bakegen.resolve import Fault, resolve

MANIFEST = "bakegen.yaml"


@dataclass(frozen=True)
class Project:
    """A manifest and the directory that it describes."""

    root: Path
    manifest: Manifest

    @property
    def family(self) -> Family:
        """The validated models."""
        return self.manifest.family

    @cached_property
    def _plan(self) -> Plan:
        plan, faults = resolve(self.family, DiskTree(self.root))
        if plan is None:
            raise ManifestError(*sorted((self._problem(fault) for fault in faults), key=_by_place))
        return plan

    def plan(self) -> Plan:
        """Return the resolved plan of the family; every fault of the manifest is in one ManifestError."""
        return self._plan

    def render(self) -> dict[str, str]:
        """Return every generated file: path below the root -> text."""
        return rendered(self._plan, root=self.root, manifest=Path(self.manifest.source.path).name)

    def changes(self) -> tuple[Change, ...]:
        """Return what writing the rendered files would change on disk."""
        return files.changes(self.root, self.render(), stale_in=STALE)

    def write(self) -> tuple[Change, ...]:
        """Write the rendered files, all or none, and return what changed."""
        todo = self.changes()
        files.apply(self.root, todo)
        return todo

    def _problem(self, fault: Fault) -> Problem:
        return Problem(fault.what, self.manifest.source.where(fault.loc, key=fault.on_key), fault.why, fault.next)


def _by_place(problem: Problem) -> tuple[str, int, int, str]:
    where = problem.where
    return (where.path, where.line, where.column, problem.what) if where else ("", 0, 0, problem.what)


def load(path: str | Path | None = None) -> Project:
    """Return the project of a manifest: the one at ``path``, or bakegen.yaml here or in a directory above."""
    chosen = Path(path) if path else find(Path.cwd())
    if chosen.is_dir():
        chosen /= MANIFEST
    manifest = load_manifest(files.read_manifest(chosen), chosen.name if path is None else str(path))
    return Project(chosen.resolve().parent, manifest)


def find(start: Path) -> Path:
    """Return the nearest manifest at or above ``start``, or where it is missing."""
    for directory in (start, *start.parents):
        if (directory / MANIFEST).is_file():
            return directory / MANIFEST
    return start / MANIFEST
