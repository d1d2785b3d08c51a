"""What the bake file says of an image, beyond its plain fields."""

from __future__ import annotations

import posixpath

from bakegen.family.bake import LINK
from bakegen.family.places import DOCKERFILE
from bakegen.plan import PlannedImage
from bakegen.refs import ImageRef


def contexts(image: PlannedImage) -> dict[str, str]:
    """Return the named contexts of an image: its parent's bake target, locked digests and its own for a hand-written one."""
    own = image.bake.contexts if image.bake else {}
    linked = dict.fromkeys(parent_names(image), f"{LINK}{image.parent}")
    return dict(sorted({**dict(image.redirects), **linked, **own}.items()))


def parent_names(image: PlannedImage) -> tuple[str, ...]:
    """Return the names under which FROM may have the parent of an image; none without a parent in the family."""
    if image.parent is None:
        return ()
    if not image.from_ref:  # a parent without a tag
        return (image.parent,)
    name = ImageRef.parse(image.from_ref).context_name
    if image.generated or image.parent in image.stages:
        return (name,)
    return (name, image.parent)  # FROM base, the way bake files are written by hand


def context(image: PlannedImage) -> str:
    """Return the build context as bake gets it."""
    return (image.bake.context if image.bake else None) or image.context or "."


def dockerfile_in_context(image: PlannedImage) -> str:
    """Return the Dockerfile as bake wants it: relative to the context."""
    if image.bake and (image.bake.context or image.bake.dockerfile or not image.dockerfile):
        return image.bake.dockerfile or DOCKERFILE
    return posixpath.relpath(image.dockerfile, image.context)


def attributes(image: PlannedImage) -> dict[str, object]:
    """Return by bake's names what ``bake`` says of an image, besides what is made from fields of the image."""
    if image.bake is None:
        return {}
    tags: dict[str, object] = {"tags": image.bake.tags} if image.bake.tags else {}
    platforms: dict[str, object] = {"platforms": image.bake.platforms} if image.bake.platforms else {}
    return {**tags, **platforms, **image.bake.attributes}
