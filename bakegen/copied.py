"""What images take from the build context, and which .dockerignore they are under."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bakegen.checks import Fault
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.references import Unclear
from bakegen.dockerfile.sources import Source, Sources, below, local_sources
from bakegen.external import dockerfile_text
from bakegen.family import Family
from bakegen.ignore import Patterns, hidden
from bakegen.mounts import PIP_INSTALL
from bakegen.plan import PlannedImage
from bakegen.tree import Tree

#: The .dockerignore at the top of the project, the one that bakegen writes.
IGNORE_FILE = ".dockerignore"
_PLATFORM = "linux/amd64"


def found(image: PlannedImage, tree: Tree) -> PlannedImage:
    """Return an image with what its hand-written Dockerfile takes from the context, and the .dockerignore it is under.

    A file named like the Dockerfile with ``.dockerignore`` behind it replaces the one of the context as a whole:
    https://docs.docker.com/build/concepts/context/#filename-and-location
    """
    own = f"{image.dockerfile}.dockerignore"
    shared = posixpath.normpath(posixpath.join(image.context, IGNORE_FILE)) if image.context else ""
    ignore_file = own if image.dockerfile and tree.kind(own) == "file" else shared
    copies = Sources() if image.generated else _written(image, tree)
    return replace(image, ignore_file=ignore_file, copies=copies)


def _written(image: PlannedImage, tree: Tree) -> Sources:
    text = dockerfile_text(image, tree)
    if text is None:
        return Sources(unclear=(Unclear("the file", 1, 1, "it is not in the project, or not UTF-8 text"),))
    return of_text(text, image)


def of_text(text: str, image: PlannedImage) -> Sources:
    """Return what the Dockerfile of an image takes from the context, on any of the platforms it is built for."""
    try:
        dockerfile = parse(text)
    except DockerfileError as error:
        return Sources(unclear=(Unclear("the file", error.line, error.column, error.what),))
    every = [local_sources(dockerfile, dict(image.args), platform) for platform in image.platforms or (_PLATFORM,)]
    named: dict[Source, None] = {}
    unclear: dict[Unclear, None] = {}
    for sources in every:
        named |= dict.fromkeys(sources.named)
        unclear |= dict.fromkeys(sources.unclear)
    return Sources(tuple(named), tuple(unclear), every[0].stages)


def planned(image: PlannedImage) -> Sources:
    """Return what a generated Dockerfile takes, as bakegen's own templates have it: the same as its text says, sooner."""
    return Sources(tuple(Source(below(path), 0, 0) for path in _sources(image)))


def hidden_by_own_lines(family: Family, images: Sequence[PlannedImage]) -> Iterator[Fault]:
    """Yield lines of the manifest's ``dockerignore`` that hide what an image copies: its build would fail."""
    lines = family.dockerignore or ()
    patterns = Patterns.parse("\n".join(lines))
    told: set[int] = set()
    for image in images:
        if image.ignore_file != IGNORE_FILE:
            continue
        for item in hidden(patterns, _sources(image)):
            if item.line not in told:
                what = f"the line {lines[item.line - 1]} hides {item.source}, which {image.name} copies"
                tip = f"take the line out, or write !{item.source} behind it"
                yield Fault(("dockerignore", item.line - 1), what, tip)
            told.add(item.line)


def _sources(image: PlannedImage) -> tuple[str, ...]:
    if not image.generated:
        return tuple(source.path for source in image.copies.named)
    programs = (PIP_INSTALL,) if image.installs and image.installer == "pip" else ()
    return (*image.sources, *programs)
