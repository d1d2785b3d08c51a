"""One run of ``bakegen adopt``: all that would change is worked out before the first file is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bakegen import files
from bakegen.adopt import journal
from bakegen.adopt.discover import readable, sort_out
from bakegen.adopt.improve import Edited, Outcome, as_before, improve
from bakegen.adopt.listing import Listing
from bakegen.adopt.manifest import manifest
from bakegen.adopt.model import Adoption
from bakegen.adopt.plan import planned
from bakegen.adopt.told import told
from bakegen.advice import Finding
from bakegen.copied import IGNORE_FILE
from bakegen.engine import git
from bakegen.errors import ConflictError, FilesError, Problem, UsageError, Where
from bakegen.files import Change, DiskTree, ExactTree
from bakegen.lock import LOCK
from bakegen.project import MANIFEST, Project, load
from bakegen.render import BAKE_FILE
from bakegen.tree import Once


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command line; ``given`` are values for variables that no file gives one."""

    only: frozenset[str] | None = None
    skip: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What adopting a repository comes to. ``adoption`` is None where a manifest was there; nothing is written yet."""

    root: Path
    project: Project
    adoption: Adoption | None
    outcome: Outcome
    changes: tuple[Change, ...]
    notes: tuple[Problem, ...]

    @property
    def dockerfiles(self) -> tuple[Change, ...]:
        """The changes of Dockerfiles: what a diff is shown of."""
        return tuple(change for change in self.changes if change.path in self.outcome.texts)

    @property
    def left_before(self) -> list[Finding]:
        """The findings left to a person, at the lines that they have as long as nothing is written."""
        old = {change.path: change.old or "" for change in self.dockerfiles}
        return as_before(self.outcome.left, old, self.outcome.texts)


def work(root: Path, listed: Listing, asked: Asked) -> Work:
    """Return what adopting the repository at ``root`` comes to, whose files are ``listed``.

    Raises UsageError where there is nothing to adopt, ManifestError for a manifest that is not valid, ConflictError for
    a hand-written file in the way.
    """
    if os.path.lexists(root / MANIFEST):
        project, adoption, text = load(root), None, ""
        notes = tuple(_strangers(project, listed, asked))
    else:
        project, adoption, text = _fresh(root, listed, asked)
        notes = adoption.notes
    exact = Once(ExactTree(root))
    real = {image.dockerfile: files.resolved(root, image.dockerfile) for image in project.plan().images}
    outcome = improve(project.plan(), exact, real, asked.only)
    edited = {path: text.removeprefix("\ufeff") for path, text in outcome.texts.items()}
    project = replace(project, tree=Edited(DiskTree(root), edited, real))
    changes = [Change(path, exact.text(path), new) for path, new in sorted(outcome.texts.items())]
    if adoption is not None:
        changes.append(Change(MANIFEST, None, text))
    rendered = project.changes() if changes else ()
    return Work(root, project, adoption, outcome, (*changes, *rendered), notes)


def _fresh(root: Path, listed: Listing, asked: Asked) -> tuple[Project, Adoption, str]:
    """Return the project that a repository without a manifest becomes."""
    tree = Once(DiskTree(root))
    paths = sort_out(listed.paths, asked.skip)
    found, problems = readable(paths, tree)
    if not found:
        tip = "name the top of the repository; `bakegen adopt --help` says what is looked for"
        raise UsageError(Problem("there is no Dockerfile to adopt here", Where(str(root)), next=tip), *problems)
    _free_for_bake(root)
    adoption = planned(told(paths, listed.paths, tree, problems, asked.given), found, tree, _top(root), asked.given)
    keeps_ignore = (root / IGNORE_FILE).exists() or all(image.context != "." for image in adoption.images)
    text, made = manifest(adoption, dockerignore=not keeps_ignore)
    return Project(root, made), adoption, text


def _free_for_bake(root: Path) -> None:
    """Raise a ConflictError where a bake file of the user's stands in the place of ours."""
    old = files.read_text(root, BAKE_FILE)
    if old is not None and not files.is_ours(old):
        tip = f"take it in: bakegen adopt --from-bake {BAKE_FILE}; or move it away"
        raise ConflictError(Problem("this bake file is hand-written, and stays as it is", Where(BAKE_FILE), next=tip))


def _top(root: Path) -> str:
    return root.resolve().name or "family"


def _strangers(project: Project, listed: Listing, asked: Asked) -> Iterator[Problem]:
    """Yield the Dockerfiles that a manifest which is already there does not name."""
    known = {image.dockerfile for image in project.plan().images}
    found, problems = readable(sort_out(listed.paths, asked.skip), Once(DiskTree(project.root)))
    yield from problems
    for item in found:
        if item.path not in known:
            tip = f"add an image with 'dockerfile: {item.path}' to {MANIFEST}"
            yield Problem("no image of the manifest is built from it", Where(item.path), next=tip)


def check_clean(done: Work, *, force: bool) -> Problem | None:
    """Return what a user should know of version control before files change; raise a ConflictError for a dirty tree."""
    found = git.dirty(done.root, [change.path for change in done.changes])
    if found is None:
        return Problem("git does not keep this directory: only `bakegen adopt --undo` takes back what is written")
    if found and not force:
        shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004
        what = f"there are changes that are not committed: {shown}"
        raise ConflictError(
            Problem(what, next="commit or stash them, so that the edits can be told apart; or: --force")
        )
    return None


def write(done: Work, now: datetime) -> None:
    """Make all changes, none of them before the originals are kept; a file that is not what was read is a FilesError."""
    exact = ExactTree(done.root)
    for change in done.changes:
        if change.path in done.outcome.texts and exact.text(change.path) != change.old:
            what = "another program has changed this file meanwhile"
            raise FilesError(Problem(what, Where(change.path), "nothing was written", "run the command again"))
    journal.record(done.root, done.changes, now, later=[LOCK])
    try:
        files.apply(done.root.resolve(), done.changes)  # so that an error names a file from there
    except BaseException:
        journal.undo(done.root)  # what apply put back is left alone; then there is nothing to keep
        raise
