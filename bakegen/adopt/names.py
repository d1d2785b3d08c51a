"""Names of images: from their tags, else from where their Dockerfiles are; each once, and such as bake takes them."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from bakegen.groups import RESERVED
from bakegen.refs import ImageRef

_MAX = 100
_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
_PLACES = frozenset({"docker", "dockerfiles", "dockerfile", ".", "", "build", "images", "containers", ".docker"})


def valid(text: str) -> str:
    """Return the nearest name that manifest and bake take."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:_MAX]
    if not name:
        return "image"
    return f"{name}-image" if name.lower() in RESERVED or _WINDOWS.fullmatch(name) else name


def repository(name: str) -> str:
    """Return the nearest name that registries take."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "image"


def of_dockerfile(path: str, top: str) -> str:
    """Return what the place of a Dockerfile says of its image: the suffix of its name, else its directory's."""
    directory, name = posixpath.split(path)
    match = re.fullmatch(
        r"(?:dockerfile|containerfile)[._-](.+)|(.+)\.(?:dockerfile|containerfile)", name, re.IGNORECASE
    )
    suffix = (match[1] or match[2]) if match else ""
    parts = [part for part in directory.split("/") if part.lower() not in _PLACES]
    where = parts[-1] if parts else ""
    if suffix:
        return valid(f"{where}-{suffix}" if where else suffix)
    return valid(where or top)


def of_reference(reference: str, *, with_tag: bool = False) -> str:
    """Return what a tag says of its image's name."""
    ref = ImageRef.parse(reference)
    return valid(f"{ref.repository}-{ref.tag}" if with_tag and ref.tag and ref.tag != "latest" else ref.repository)


@cache
def of_tag(tag: str) -> tuple[str, str]:
    """Return the names that an image with this tag may have, the shorter one first."""
    return of_reference(tag), of_reference(tag, with_tag=True)


def same(one: str, other: str) -> bool:
    """Return whether two names differ in no more than case, separators, and numbers for order at the front."""
    return plain(one) == plain(other)


@cache  # thousands of images are asked for the names of the same few
def plain(name: str) -> str:
    """Return a name without case, separators, and a number for order at the front."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\d+[-_. ]+", "", name.lower()))


def distinct(choices: Mapping[str, Sequence[str]], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a name for each key: the first of its choices that no other key has for its own, else one with a number.

    Names that differ only in case count as one: they would be one directory on Windows and macOS.
    """
    found: dict[str, str] = {}
    taken = [name.lower() for name in taken]
    level = dict.fromkeys(choices, 0)
    while True:
        chosen = {key: names[min(level[key], len(names) - 1)] for key, names in choices.items()}
        counts = Counter([*taken, *(name.lower() for name in chosen.values())])
        again = [k for k, name in chosen.items() if counts[name.lower()] > 1 and level[k] < len(choices[k]) - 1]
        if not again:
            break
        for key in again:
            level[key] += 1
    used = set(taken)
    for key, name in chosen.items():
        number, free = 2, name
        while free.lower() in used:
            free, number = f"{name}-{number}", number + 1
        used.add(free.lower())
        found[key] = free
    return found
