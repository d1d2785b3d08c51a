"""The same family without bakegen: Dockerfiles as they are written by hand, built one after the other. Pure.

``plain``: no mounts, nothing kept. ``phase1``: the cache mounts that guides tell people to add for pip and apt
(https://docs.docker.com/reference/dockerfile/#run---mounttypecache). Both install with pip what bakegen installs, into the
same places; parents and bases are named by tag.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bakegen.build.options import arguments
from bakegen.family.bake import LINK
from bakegen.layers import AptLayer, InstallLayer, Layer, RunLayer
from bakegen.plan import Plan, PlannedImage
from bakegen.refs import ImageRef
from bakegen.render import UID
from bakegen.render.bake import context, dockerfile_in_context, parent_names
from bakegen.render.templates import environment, render

if TYPE_CHECKING:
    from pathlib import Path

_APT = (
    "--mount=type=cache,target=/var/cache/apt,sharing=locked",
    "--mount=type=cache,target=/var/lib/apt,sharing=locked",
)
_PIP = ("--mount=type=cache,target=/root/.cache/pip",)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a baseline builds: its tags begin with ``prefix``; ``bases`` are references by the names of the manifest."""

    prefix: str
    namespace: str
    bases: Mapping[str, str]
    sets: tuple[str, ...] = ()


def dockerfiles(plan: Plan, names: Sequence[str], style: str) -> dict[str, str]:
    """Return the Dockerfile of each generated image by its name; hand-written ones are built as they are."""
    env = environment(None)
    return {
        image.name: render(
            env,
            "bench/Dockerfile.j2",
            image=image,
            style=style,
            start=unpinned(image.from_ref),
            flags=partial(_flags, image, style),
            packages=partial(_packages, image),
            arch=style == "phase1" and any(isinstance(layer, RunLayer) and layer.mounts for layer in image.layers),
            uid=UID,
        )
        for image in plan.images
        if image.name in names and image.generated
    }


def unpinned(ref: str) -> str:
    """Return a reference by its tag alone."""
    parsed = ImageRef.parse(ref)
    return str(ImageRef(parsed.name, parsed.tag))


def tag_of(image: PlannedImage, prefix: str) -> str:
    """Return the tag under which a baseline keeps an image."""
    return f"{prefix}/{image.name.lower()}:bench"


def commands(plan: Plan, names: Sequence[str], setting: Setting, files: Mapping[str, Path]) -> Iterator[list[str]]:
    """Yield the words behind ``docker`` that build each image, parents first; ``files`` are the Dockerfiles by image."""
    for image in (image for image in plan.images if image.name in names):
        words = ["build", "--progress=rawjson", "--file", str(files.get(image.name, _file(image)))]
        if image.bake and image.bake.target:
            words += ["--target", image.bake.target]
        words += ["--tag", tag_of(image, setting.prefix)]
        for name, reference in _contexts(plan, image, setting):
            words += ["--build-context", f"{name}=docker-image://{reference}"]
        words += _linked(plan, image, setting)
        for name, value in (arguments(image, setting.sets) | {"BUILDKIT_CACHE_MOUNT_NS": setting.namespace}).items():
            words += ["--build-arg", f"{name}={value}"]
        for name, value in image.labels:
            words += ["--label", f"{name}={value}"]
        if image.platforms:
            words += ["--platform", ",".join(image.platforms)]
        for secret in image.secrets:
            source = f"env={secret.env}" if secret.env else f"src={secret.src}"
            words += ["--secret", f"id={secret.id},{source}"]
        yield [*words, context(image)]


def _file(image: PlannedImage) -> str:
    """Return where `docker build` finds the Dockerfile of a hand-written image."""
    return image.dockerfile or posixpath.join(context(image), dockerfile_in_context(image))


def _linked(plan: Plan, image: PlannedImage, setting: Setting) -> Iterator[str]:
    """Yield the named contexts of an image's own; one that is another image is that baseline's."""
    for name, value in (image.bake.contexts if image.bake else {}).items():
        tag = tag_of(plan[value.removeprefix(LINK)], setting.prefix) if value.startswith(LINK) else ""
        yield from ("--build-context", f"{name}=" + (f"docker-image://{tag}" if tag else value))


def _contexts(plan: Plan, image: PlannedImage, setting: Setting) -> Iterator[tuple[str, str]]:
    """Yield (name in FROM, what to take instead): the parent's tag of this baseline, the bases of this state."""
    spelled = unpinned if image.generated else str
    if image.parent:
        names = [spelled(name) for name in parent_names(image)]
        yield from ((name, tag_of(plan[image.parent], setting.prefix)) for name in names)
    for base, reference in setting.bases.items():
        known = plan.bases[base]
        for ref in {image.from_ref, *(source.removeprefix("docker-image://") for _, source in image.redirects)}:
            if ref in {str(known), str(known.canonical)}:
                yield ImageRef.parse(spelled(ref)).context_name, reference
        yield from (
            (name, reference) for name, source in image.redirects if source == f"docker-image://{known.canonical}"
        )


def _flags(image: PlannedImage, style: str, layer: Layer) -> tuple[str, ...]:
    """Return the flags of a step; secrets are needed with and without caches."""
    found: list[str] = []
    if style == "phase1":
        found += _APT if isinstance(layer, AptLayer) else _PIP if isinstance(layer, InstallLayer) else ()
        found += [mount.flag for mount in layer.mounts] if isinstance(layer, RunLayer) else []
    if isinstance(layer, (AptLayer, InstallLayer, RunLayer)):
        for secret in image.secrets:
            place = f",env={secret.as_env}" if secret.as_env else f",target={secret.target}" if secret.target else ""
            found.append(f"--mount=type=secret,id={secret.id}{place}")
    return tuple(found)


def _packages(image: PlannedImage, layer: AptLayer) -> tuple[str, ...]:
    """Return the packages, with what `python -m venv` needs where the distribution's Python is among them."""
    needed = {f"{package}-venv" for package in layer.packages if package == f"python{image.python}"}
    return tuple(sorted({*layer.packages, *needed}))
