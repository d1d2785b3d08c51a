"""A planned image -> its build context on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bakegen.context.model import Context
from bakegen.context.walk import walk
from bakegen.copied import IGNORE_FILE, of_text
from bakegen.dockerfile.sources import Sources
from bakegen.errors import FilesError, ManifestError, Problem, UsageError, Where
from bakegen.files import DiskTree
from bakegen.ignore import IgnoreError, Patterns
from bakegen.plan import PlannedImage
from bakegen.project import Project


def context(project: Project, name: str, *, measure: bool = False) -> Context:
    """Return the build context of an image as it is now; ``measure`` tells too what .dockerignore leaves out.

    A ManifestError names the line of .dockerignore that BuildKit refuses, a FilesError what cannot be read.
    """
    image = project.plan()[name]
    if not image.context:
        tip = "choose an image whose context is a directory of the project"
        raise UsageError(Problem(f"the build context of {name} is not in the project", next=tip))
    root = project.root / image.context
    if not root.is_dir():
        raise FilesError(Problem("there is no such directory", Where(image.context), f"it is the context of {name}"))
    text = _read(project.root, image.ignore_file)
    sources = taken(project, image)
    paths = _paths(sources)
    try:
        found = walk(root, Patterns.parse(text or ""), paths, measure=measure)
    except IgnoreError as error:
        tip = "BuildKit refuses the build; docs/context.md says what a pattern may hold"
        raise ManifestError(Problem(error.what, Where(image.ignore_file, error.line), next=tip)) from None
    return Context(
        image=name,
        dockerfile=image.shown,
        directory=image.context,
        ignore_file=None if text is None else image.ignore_file,
        current=_is_current(project, image, text),
        sources=tuple(dict.fromkeys(source.path for source in sources.named)),
        unclear=sources.unclear,
        found=found,
    )


def taken(project: Project, image: PlannedImage) -> Sources:
    """Return what the steps of an image take from its context, those that its parent leaves to it included."""
    sources = of_text(project.render()[image.dockerfile], image) if image.generated else image.copies
    needed = sources.needed((image.bake.target if image.bake else "") or "")
    parent = project.plan()[image.parent] if image.parent else None
    left = parent.copies.left_to_children if parent else ()
    return Sources((*needed.named, *left), needed.unclear, needed.stages)


def _paths(sources: Sources) -> Sequence[str] | None:
    """Return the paths that are taken, None for everything: BuildKit asks for no single paths once one is the context."""
    paths = [source.path for source in sources.named]
    return None if sources.unclear or "." in paths else paths


def _read(root: Path, path: str) -> str | None:
    """Return the text of a .dockerignore; None where BuildKit finds none, as behind a link that leads out."""
    kind = DiskTree(root).kind(path)
    if kind in {"missing", "outside"}:
        return None
    if kind != "file":
        raise FilesError(Problem(f"this is a {kind}, not a file", Where(path), next="move it away"))
    try:
        return (root / path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        what = f"cannot read the file: {(error.strerror or str(error)).lower()}"
        raise FilesError(Problem(what, Where(path), next="BuildKit cannot either: check its permissions")) from None


def _is_current(project: Project, image: PlannedImage, text: str | None) -> bool:
    """Return whether the .dockerignore of an image is what bakegen would write, or not bakegen's at all."""
    if image.ignore_file != IGNORE_FILE or project.family.dockerignore is None:
        return True
    return text is not None and text.replace("\r\n", "\n") == project.render()[IGNORE_FILE]
