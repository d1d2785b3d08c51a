"""A project: a manifest on disk, its plan, its rendered files. The public Python API."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bakegen import files
from bakegen.checks import Fault
from bakegen.errors import ManifestError, Problem, by_place
from bakegen.family import Family
from bakegen.family.load import Invalid, Manifest, read
from bakegen.family.source import MAX_BYTES, Source
from bakegen.files import Change, DiskTree
from bakegen.lock import LOCK, Lock
from bakegen.lock import read as read_lock
from bakegen.plan import Plan
from bakegen.render import STALE, rendered
from bakegen.resolve import faults_of_rest, resolve
from bakegen.tree import Once, Tree

MANIFEST = "bakegen.yaml"


@dataclass(frozen=True)
class Project:
    """A manifest, its lock, and the directory that they describe."""

    root: Path
    manifest: Manifest
    #: the pins of bakegen.lock; None where there is no such file
    lock: Lock | None = None
    #: its files, where they are not simply those on disk
    tree: Tree | None = None

    @property
    def family(self) -> Family:
        """The validated models."""
        return self.manifest.family

    @cached_property
    def _plan(self) -> Plan:
        plan, faults = resolve(self.family, Once(self.tree or DiskTree(self.root)), self.lock)
        if plan is None:
            raise ManifestError(*_problems(faults, self.manifest.source))
        return plan

    def plan(self) -> Plan:
        """Return the resolved plan of the family; every fault of the manifest is in one ManifestError."""
        return self._plan

    def with_lock(self, lock: Lock | None) -> Project:
        """Return the project with other pins; without any, references stay as they are written."""
        return replace(self, lock=lock)

    @cached_property
    def _rendered(self) -> dict[str, str]:
        name = Path(self.manifest.source.path).name
        return rendered(self._plan, root=self.root, manifest=name if name.isprintable() else "a manifest")

    def render(self) -> dict[str, str]:
        """Return every generated file: path below the root -> text."""
        return dict(self._rendered)

    def changes(self) -> tuple[Change, ...]:
        """Return what writing the rendered files would change on disk."""
        keep = {image.dockerfile for image in self._plan.images}
        return files.changes(self.root, self.render(), stale_in=STALE, keep=keep)

    def write(self) -> tuple[Change, ...]:
        """Write the rendered files, all or none, and return what changed."""
        todo = self.changes()
        files.apply(self.root, todo)
        return todo


def load(path: str | Path | None = None) -> Project:
    """Return the project of a manifest: the one at ``path``, or bakegen.yaml here or in a directory above.

    What is wrong with the manifest is one ManifestError, which names all that can be known in one go.
    """
    chosen = Path(path or os.path.relpath(find(Path.cwd())))
    if path and chosen.is_dir():
        chosen /= MANIFEST
    found = read(files.read_manifest(chosen, MAX_BYTES + 1), str(chosen))
    root = chosen.resolve().parent
    if isinstance(found, Invalid):
        faults = faults_of_rest(found.rest, found.cut, DiskTree(root)) if found.rest else ()
        raise ManifestError(*sorted({*found.problems, *_problems(faults, found.source)}, key=by_place))
    text = files.read_text(root, LOCK)
    return Project(root, found, None if text is None else read_lock(text.encode(), str(chosen.parent / LOCK)))


def _problems(faults: Iterable[Fault], source: Source) -> list[Problem]:
    """Return faults with their places, in the order of the lines."""
    found = (Problem(fault.what, source.where(fault.loc, key=fault.on_key), fault.why, fault.next) for fault in faults)
    return sorted(found, key=by_place)


def find(start: Path) -> Path:
    """Return the nearest manifest at or above ``start``, or where it is missing."""
    for directory in (start, *start.parents):
        if os.path.lexists(directory / MANIFEST):
            return directory / MANIFEST
    return start / MANIFEST
