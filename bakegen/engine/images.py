"""What the engine knows of images that it holds: layers, as `docker history` tells them, unpacked, and variables."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from bakegen.engine import api
from bakegen.refs import ImageRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

PATIENCE = 3.0  # seconds; what is not known to be there is exported again

_OF_CACHES = frozenset(
    ("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "UV_NO_CACHE", "UV_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
)  # what verdicts/tools.py reads


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """One layer: ``mark`` is equal for a layer that several images share; ``size`` is in bytes."""

    mark: str
    size: int


def layers(
    docker_cmd: Sequence[str], references: Mapping[str, str], *, patience: float
) -> dict[str, tuple[ImageLayer, ...]]:
    """Return the layers of images, lowest first, by the names of ``references``; an image the engine lacks has no entry.

    About 20 ms an image. A mark is of a layer's time, command and size: the engine's history has no digests.
    """
    paths = [f"/images/{quote(reference, safe='')}/history" for reference in references.values()]
    bodies = api.get_all(docker_cmd, paths, timeout=patience)
    found = {name: parse_history(body) for name, body in zip(references, bodies, strict=True) if body}
    return {name: held for name, held in found.items() if held}


def start_tagged(docker_cmd: Sequence[str]) -> Future[dict[str, str]]:
    """Start to ask for the digest behind every tag that the engine has, by the tag in full; {} for no answer in time.

    Takes about 0.1 s. With containerd's image store it is what buildx calls ``containerimage.digest``.
    """
    pool = ThreadPoolExecutor(1, "bakegen-images")
    future = pool.submit(lambda: parse_images(api.get(docker_cmd, "/images/json", timeout=PATIENCE) or b"[]"))
    pool.shutdown(wait=False)
    return future


def variables(
    docker_cmd: Sequence[str], references: Mapping[str, str], *, patience: float
) -> dict[str, dict[str, str]]:
    """Return the variables of images by which pip and uv choose their caches, by the names of ``references``.

    No others: what else an image's environment holds is nobody's business here. About 35 ms an image.
    """
    paths = [f"/images/{quote(reference, safe='')}/json" for reference in references.values()]
    bodies = api.get_all(docker_cmd, paths, timeout=patience)
    return {name: parse_config(body) for name, body in zip(references, bodies, strict=True) if body}


def parse_images(body: bytes) -> dict[str, str]:
    """Return the digests by tag, with all that docker adds to one in its mind, in the answer to a question for all images."""
    found: dict[str, str] = {}
    with suppress(ValueError, KeyError, TypeError):
        for row in json.loads(body):
            for tag in row["RepoTags"] or ():
                with suppress(ValueError):  # `<none>:<none>`
                    found[str(ImageRef.parse(tag).canonical)] = str(row["Id"])
    return found


def parse_config(body: bytes) -> dict[str, str]:
    """Return those variables in the answer to a question for an image."""
    try:
        pairs = (str(word).partition("=") for word in json.loads(body)["Config"]["Env"] or ())
        return {name: value for name, _, value in pairs if name in _OF_CACHES}
    except (ValueError, KeyError, TypeError):
        return {}


def parse_history(body: bytes) -> tuple[ImageLayer, ...]:
    """Return the layers in the answer of https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Image."""
    try:
        return tuple(_layers(json.loads(body)))
    except (ValueError, KeyError, TypeError):
        return ()


def _layers(rows: Sequence[Mapping[str, object]]) -> Iterable[ImageLayer]:
    """Yield the layers that have a size; the others are settings, such as ENV."""
    for row in reversed(rows):
        size = row["Size"]
        if isinstance(size, int) and size > 0:
            told = f"{row['Created']} {size} {row['CreatedBy']}"
            yield ImageLayer(sha256(told.encode()).hexdigest()[:16], size)
