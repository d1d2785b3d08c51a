"""Stamps: what tells, before a build, that an image is made of the same as it was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bakegen.build.model import BuildRequest, Stamp
from bakegen.build.options import Options, named
from bakegen.copied import of_text, planned
from bakegen.family.models import Family
from bakegen.plan import Plan, PlannedImage, references
from bakegen.refs import ImageRef
from bakegen.render import BAKE_FILE
from bakegen.render.templates import BAKE, has_own

#: Variables of buildx and BuildKit that may change what is built (https://docs.docker.com/build/building/variables/).
_SETTING = re.compile(r"(?:BUILDX|BUILDKIT|DOCKER)_\w+|SOURCE_DATE_EPOCH")

#: In patterns of COPY: what Python reads otherwise.
_ODD = re.compile(r"\\\\|\*\*|\[")


def stamped(asked: BuildRequest, plan: Plan, options: Options, env: Mapping[str, str]) -> BuildRequest:
    """Return the request with a stamp for all that goes into each image.

    A file counts by what BuildKit compares before it transfers one: name, size, mode and time
    (https://github.com/tonistiigi/fsutil/blob/master/diff_containerd.go). To be asked when the rendered files are written:
    they are among what goes in.
    """
    found: dict[str, Stamp] = {}
    family, root = named(plan, options), asked.root
    settings = sorted(item for item in env.items() if _SETTING.fullmatch(item[0]))
    bake_file = _look(root / BAKE_FILE) if (root / BAKE).is_file() else ""  # a template of the user's may set anything
    common = (asked.builder, asked.output, asked.sets, asked.compression, settings, bake_file)
    for image in plan.images:
        above = [found[name] for name in image.parents]
        known = (common, above, asked.contexts.get(image.name), asked.args.get(image.name), image)
        digest = hashlib.sha256(repr(known).encode())
        sources = _sources(image, root)
        for path in sorted(set(_inputs(image, sources or (), root))):
            digest.update(f"{path}\0{_look(path)}\n".encode(errors="surrogateescape"))
        whole = asked.definition is not None and sources is not None and all(stamp.whole for stamp in above)
        found[image.name] = Stamp(digest.hexdigest(), _tags(family, image), whole)
    return replace(asked, stamps=found)


def _sources(image: PlannedImage, root: Path) -> tuple[str, ...] | None:
    """Return the paths and patterns that an image takes from the project; None where that cannot be told, or is all of it."""
    if not image.generated or image.bake:
        return None
    found = planned(image)
    if has_own(root):
        try:
            found = of_text((root / image.dockerfile).read_text(encoding="utf-8"), image)
        except (OSError, ValueError):
            return None
    paths = tuple(source.path for source in found.named)
    return None if found.unclear or any(path == "." or _ODD.search(path) for path in paths) else paths


def _inputs(image: PlannedImage, sources: Iterable[str], root: Path) -> Iterator[Path]:
    """Yield the files an image is made from, with what is in directories."""
    yield from (root / name for name in (image.dockerfile, image.ignore_file) if name)
    for source in sources:
        for path in root.glob(source) if "*" in source or "?" in source else (root / source,):
            yield path
            if path.is_dir():
                yield from path.rglob("*")


def _tags(family: Family, image: PlannedImage) -> tuple[str, ...]:
    """Return the tags of an image in full; none where one is known to bake alone."""
    try:
        return tuple(str(ImageRef.parse(tag).canonical) for tag in references(family, image))
    except ValueError:
        return ()


def _look(path: Path) -> str:
    """Return what tells a file from another: kind, mode, size, time; of a link where it leads and to what; "" for no file."""
    try:
        stat = path.lstat()
        link = f"{path.readlink()} {path.stat().st_mtime_ns}" if path.is_symlink() else ""
    except OSError:
        return ""
    return f"{stat.st_mode} {'' if path.is_dir() else stat.st_size} {stat.st_mtime_ns} {link}"
