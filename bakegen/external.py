"""The images that hand-written Dockerfiles take from other registries: found, looked up in the lock, redirected.

A hand-written Dockerfile stays as it is; the bake file leads its references to their locked digests, by named contexts
(https://docs.docker.com/build/bake/reference/#targetcontexts) and, for ``# syntax``, by the build argument
BUILDKIT_SYNTAX (https://docs.docker.com/build/buildkit/frontend/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bakegen.checks import Fault
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, parse
from bakegen.dockerfile.references import External, Unclear, externals, stage_names
from bakegen.family import Family
from bakegen.lock import Lock
from bakegen.plan import PlannedImage, references
from bakegen.refs import ImageRef, is_reference
from bakegen.tree import Tree

#: What is locked where neither image nor defaults name a platform: a plan is the same on every machine.
DEFAULT_PLATFORM = "linux/amd64"
SYNTAX_ARG = "BUILDKIT_SYNTAX"
#: What ``Unclear.text`` is where a Dockerfile as a whole cannot be read.
WHOLE = "the file"
_TIP = "run: bakegen lock"


def found(image: PlannedImage, names: frozenset[str], tree: Tree) -> PlannedImage:
    """Return an image with what its hand-written Dockerfile names outside of the family; a generated one as it is.

    ``names`` are those of the family's own images, by ``own_names``.
    """
    if image.generated:
        return image
    text = dockerfile_text(image, tree)
    if text is None and image.bake and not (image.dockerfile and tree.kind(image.dockerfile) == "file"):
        return image  # elsewhere, or not there before the build
    if text is None:
        return replace(image, externals=(), unclear=(Unclear(WHOLE, 1, 1, "it is not UTF-8 text"),))
    try:
        dockerfile = parse(text)
        named, unclear = _named(dockerfile, image)
        stages = stage_names(dockerfile)
    except DockerfileError as error:
        return replace(image, unclear=(Unclear(WHOLE, error.line, error.column, error.what),))
    linked = {*(image.bake.contexts if image.bake else ()), image.parent}
    outside = (
        item
        for item in named
        for written in [{item.written, ImageRef.parse(item.written).context_name}]
        if names.isdisjoint(written) and linked.isdisjoint(written)
    )
    return replace(image, externals=tuple(outside), unclear=tuple(unclear), stages=stages)


def dockerfile_text(image: PlannedImage, tree: Tree) -> str | None:
    """Return the Dockerfile of a hand-written image; None where it cannot be read, or is not in the project."""
    if image.bake and image.bake.dockerfile_inline is not None:
        return image.bake.dockerfile_inline
    return tree.text(image.dockerfile) if image.dockerfile else None


def own_names(images: Sequence[PlannedImage], family: Family) -> frozenset[str]:
    """Return the names under which the images of the family may stand in FROM."""
    refs = {ref for image in images for ref in references(family, image)}
    return frozenset(ImageRef.parse(ref).context_name for ref in refs if is_reference(ref))


def _named(dockerfile: Dockerfile, image: PlannedImage) -> tuple[list[External], list[Unclear]]:
    """Return what a Dockerfile names from outside on any platform of its image, each once, and what cannot be told."""
    known: dict[External, None] = {}
    unclear: dict[Unclear, None] = {}
    for platform in image.platforms or (DEFAULT_PLATFORM,):
        found, unknown = externals(dockerfile, dict(image.args), platform)
        known |= dict.fromkeys(found)
        unclear |= dict.fromkeys(unknown)
    return list(known), list(unclear)


def hidden_parents(images: Sequence[PlannedImage]) -> Iterator[Fault]:
    """Yield images that a stage of their own hides from FROM.

    BuildKit looks a stage's name up among the named contexts too, and takes the context instead: the stage's own steps
    would silently not run (namedContext in https://github.com/moby/buildkit/blob/master/frontend/dockerui/namedcontext.go).
    """
    for image in images:
        if image.parent and ImageRef.parse(image.from_ref).context_name in image.stages:
            what = f"{image.shown} has a stage with the name of {image.from_ref}, which it is built from"
            yield Fault(
                ("images", image.origin), what, "give the stage, or the parent's tag, another name", on_key=True
            )


def unlocked(family: Family, images: Sequence[PlannedImage], lock: Lock) -> Iterator[Fault]:
    """Yield the references that the lock does not know."""
    for name, base in family.bases.items():
        if str(base.ref) not in lock.pins:
            yield Fault(("bases", name), f"bakegen.lock does not know {base.ref}", _TIP)
    for image in images:
        for unread in (item for item in image.unclear if item.text == WHOLE):
            what = f"{image.shown}:{unread.line}: what it names cannot be looked up in the lock: {unread.why}"
            yield Fault(("images", image.origin, "dockerfile"), what, "mend the Dockerfile")
        for item in image.externals:
            if item.written not in lock.pins:
                what = f"{image.shown}:{item.line}: bakegen.lock does not know {item.written}"
                yield Fault(("images", image.origin, "dockerfile"), what, _TIP)
            elif item.kind != "syntax" and ImageRef.parse(item.written).context_name in image.stages:
                what = f"{image.shown}:{item.line}: {item.written} cannot be led to its digest"
                why = "a stage has its name, and BuildKit would take the image in the stage's place"
                tip = "give the stage another name, or write the digest there: bakegen lock --in-place"
                yield Fault(("images", image.origin, "dockerfile"), what, tip, why)


def redirected(image: PlannedImage, lock: Lock, mirrors: Mapping[str, str]) -> PlannedImage:
    """Return a hand-written image whose external references lead to what they are locked to."""
    contexts: dict[str, str] = {}
    args = dict(image.args)
    for item in image.externals:
        ref = ImageRef.parse(item.written)
        pinned = lock.pinned(ref)
        if pinned is None or pinned.through(mirrors) == ref:
            continue
        new = str(pinned.through(mirrors).canonical)
        if item.kind == "syntax":
            args.setdefault(SYNTAX_ARG, new)
        else:
            contexts[ref.context_name] = f"docker-image://{new}"
    return replace(image, redirects=tuple(sorted(contexts.items())), args=tuple(sorted(args.items())))
