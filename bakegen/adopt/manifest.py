"""An adopted family -> the text of its bakegen.yaml, which reads back as the same values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from bakegen.adopt.model import AdoptedImage, Adoption
from bakegen.adopt.tags import short
from bakegen.family.load import Invalid, Manifest, read
from bakegen.errors import ManifestError
from bakegen.refs import ImageRef

HEAD = """\
# Written by `bakegen adopt`, and yours from here on: the fields are in docs/manifest.md of bakegen.
# `bakegen render` writes docker-bake.hcl from it, `bakegen lock` pins the bases, `bakegen build` builds.
"""
_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z0-9_./@+-][A-Za-z0-9_./@+:-]*(?<!:)")


def manifest(adoption: Adoption, *, dockerignore: bool, path: str = "bakegen.yaml") -> tuple[str, Manifest]:
    """Return the text of the manifest and what the loader reads in it; what it would not take is a ManifestError."""
    data = values(adoption, dockerignore=dockerignore)
    text = written(data)
    found = read(text.encode(), path)
    if isinstance(found, Invalid):
        raise ManifestError(*found.problems)
    if found.source.data != data:
        raise ManifestError("the manifest does not read back as it was written: a defect in bakegen, please report it")
    return text, found


def values(adoption: Adoption, *, dockerignore: bool) -> dict[str, Any]:
    """Return what the manifest says, as plain values."""
    firsts = _first_tags(adoption.images)
    images = {image.name: dict(_fields(image, adoption, firsts)) for image in adoption.images}
    head: dict[str, Any] = {"version": 1, "family": adoption.family}
    if adoption.registry:
        head["registry"] = adoption.registry
    if adoption.tag != "latest":
        head["tag"] = adoption.tag
    if not dockerignore:
        head["dockerignore"] = False
    return {**head, **({"bases": dict(adoption.bases)} if adoption.bases else {}), "images": images}


def _first_tags(images: Sequence[AdoptedImage]) -> dict[str, tuple[str, ...]]:
    """Return the tags of each image, the one that most others stand on first: FROM is led to that one."""
    used = Counter(ImageRef.parse(ref).context_name for image in images for _, ref in image.links)
    return {
        image.name: tuple(sorted(image.tags, key=lambda tag: -used[ImageRef.parse(tag).context_name]))
        for image in images
    }


def _fields(
    image: AdoptedImage, adoption: Adoption, firsts: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, Any]]:
    below = image.parents[0] if image.parents else image.base
    if below:
        yield "from", below
    yield "dockerfile", image.dockerfile
    if image.context != ".":
        yield "context", image.context
    tags = [short(tag, adoption.registry, adoption.tag) for tag in firsts[image.name]]
    if tags and tags != [image.name]:
        yield "tag", tags[0] if len(tags) == 1 else tags
    if image.target:
        yield "target", str(image.target)
        if below:
            yield "mixed_target", True
    for key in ("args", "platforms", "secrets"):
        if value := getattr(image, key):
            yield key, _plain(key, value)
    if bake := _bake(image, firsts):
        yield "bake", bake


def _plain(key: str, value: Any) -> Any:  # noqa: ANN401 - plain values of three kinds
    if key == "args":
        return dict(value)
    return [dict(secret) for secret in value] if key == "secrets" else list(value)


def _bake(image: AdoptedImage, firsts: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return what only bake says: the stage, and images of the family that ``from`` does not lead to."""
    contexts = {}
    for index, (parent, reference) in enumerate(image.links):
        name = ImageRef.parse(reference).context_name
        if index or not firsts[parent] or name != ImageRef.parse(firsts[parent][0]).context_name:
            contexts[name] = f"target:{parent}"
    return {**({"target": image.stage} if image.stage else {}), **({"contexts": contexts} if contexts else {})}


def written(data: Mapping[str, Any]) -> str:
    """Return plain values as YAML: one image a block, short lists and mappings in a line."""
    lines = [HEAD.rstrip("\n")]
    for key, value in data.items():
        if key == "images":
            lines += ["", "images:", *_images(value)]
        elif isinstance(value, Mapping):
            lines += ["", f"{key}:", *(f"  {_scalar(name)}: {_scalar(one)}" for name, one in value.items())]
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _images(images: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for index, (name, fields) in enumerate(images.items()):
        if index:
            yield ""
        yield f"  {_scalar(name)}:"
        for key, value in fields.items():
            yield from _field(key, value)


def _field(key: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - plain values
    line = f"    {key}: {_flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, (list, dict)):
        yield line
        return
    yield f"    {key}:"
    if isinstance(value, dict):
        yield from (f"      {_scalar(name)}: {_flow(one)}" for name, one in value.items())
    else:
        yield from (f"      - {_flow(one)}" for one in value)


def _flow(value: Any) -> str:  # noqa: ANN401 - plain values
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_scalar(name)}: {_flow(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:  # noqa: ANN401 - plain values
    """Return a scalar as every YAML reader takes it, of 1.1 and of 1.2."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and isinstance(yaml.safe_load(text), str):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004
