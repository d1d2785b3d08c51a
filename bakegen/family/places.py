"""Where in the project the Dockerfile and the context of a hand-written image are, as far as they are in it."""

from __future__ import annotations

import posixpath
import re

from bakegen.family.bake import BakeTarget
from bakegen.family.models import ImageFields

#: What counts from where bake is run, whatever the context is.
CWD = "cwd://"
DOCKERFILE = "Dockerfile"
#: URLs and git repositories: https://docs.docker.com/build/concepts/context/#remote-context
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|git@|github\.com/")


def places(fields: ImageFields) -> tuple[str, str]:
    """Return the paths of Dockerfile and context from the manifest; "" for each that is not in the project."""
    if fields.dockerfile is not None:
        return fields.dockerfile, fields.context
    return places_of(fields.bake or BakeTarget())


def places_of(bake: BakeTarget) -> tuple[str, str]:
    """Return the same of a bake target."""
    context = inside(bake.context or ".")
    written = bake.dockerfile or DOCKERFILE
    if bake.dockerfile_inline is not None:
        return "", context
    if written.startswith(CWD):
        return inside(written.removeprefix(CWD)), context
    return (inside(posixpath.join(context, written)) if context and not posixpath.isabs(written) else ""), context


def inside(path: str) -> str:
    """Return a path of bake's as a plain one below the manifest; "" where it is none."""
    path = path.removeprefix(CWD)
    if _REMOTE.match(path) or posixpath.isabs(path) or path.startswith("~") or "\\" in path or "\0" in path:
        return ""
    plain = posixpath.normpath(path)
    return "" if plain == ".." or plain.startswith("../") else plain
