"""An adopted family -> the text of its bakegen.yaml, which reads back as the same values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bakegen.adopt.model import AdoptedImage, Adoption
from bakegen.adopt.names import repository
from bakegen.adopt.tags import short
from bakegen.adopt.yaml_text import yaml_lines
from bakegen.errors import ManifestError
from bakegen.family.load import Invalid, Manifest, read
from bakegen.refs import ImageRef

HEAD = """\
# Written by `bakegen adopt`, and yours from here on: the fields are in docs/manifest.md of bakegen.
# `bakegen render` writes docker-bake.hcl from it, `bakegen lock` pins the bases, `bakegen build` builds.
"""


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
    if not tags and repository(image.name) != image.name:
        tags = [repository(image.name)]
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
    """Return plain values as YAML; what takes several lines stands apart."""
    lines = [HEAD.rstrip("\n")]
    for key, value in data.items():
        if not isinstance(value, Mapping):
            lines += yaml_lines({key: value})
            continue
        lines += ["", f"{key}:"]
        tall = False
        for name, inner in value.items():
            block = list(yaml_lines({name: inner}, "  "))
            if (len(block) > 1 or tall) and not lines[-1].endswith(f"{key}:"):
                lines.append("")
            tall = len(block) > 1
            lines += block
    return "\n".join(lines) + "\n"
