"""The layers of images that the engine holds, as `docker history` tells them: sizes are unpacked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from bakegen.engine import api

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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
