"""Plan -> {path: text}: everything that is generated, equal to the byte for equal plans."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bakegen.copied import IGNORE_FILE, of_text, planned
from bakegen.layers import AptLayer, InstallLayer, Layer, RunLayer, VenvLayer
from bakegen.mounts import PIP_INSTALL, UV_CACHE, WHEELS
from bakegen.plan import Plan, PlannedImage
from bakegen.render.bake import attributes, context, contexts, dockerfile_in_context
from bakegen.render.ignore import dockerignore, sources_under
from bakegen.render.templates import BAKE, environment, has_own, render

BAKE_FILE = "docker-bake.hcl"
#: Generated files that may be left behind by an image that is gone.
STALE = ("docker/*/Dockerfile", PIP_INSTALL)
#: Numeric, as Kubernetes' runAsNonRoot wants it: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
UID = 10001
_UV = "--mount=type=bind,from=uv,source=/uv/bin/uv,target=/usr/local/bin/uv"
_REQUIREMENTS = "/tmp/requirements"  # noqa: S108 - a mount point in a build step


def rendered(plan: Plan, *, root: Path | None = None, manifest: str = "bakegen.yaml") -> dict[str, str]:
    """Return every generated file by its path below the manifest; ``root`` may hold templates of the user's own."""
    env = environment(root)
    shared = {
        "manifest": manifest,
        "defaults": plan.family.defaults,
        "uv_cache": UV_CACHE,
        "wheels": WHEELS,
        "operands": operands,
        "uid": UID,
    }
    files = {
        image.dockerfile: render(env, "Dockerfile.j2", image=image, flags=partial(flags, image), **shared)
        for image in plan.images
        if image.generated
    }
    if any(image.installs and image.installer == "pip" for image in plan.images):
        files[PIP_INSTALL] = render(env, "pip-install.py.j2", **shared)
    files[BAKE_FILE] = render(
        env,
        BAKE,
        plan=plan,
        family=plan.family,
        manifest=manifest,
        contexts=contexts,
        context=context,
        relative=dockerfile_in_context,
        attributes=attributes,
    )
    if plan.family.dockerignore is not None:
        own = has_own(root)
        generated = {
            image.name: of_text(files[image.dockerfile], image) if own else planned(image)
            for image in plan.images
            if image.generated
        }
        lines = dockerignore(sources_under(plan, generated), plan.family.dockerignore)
        files[IGNORE_FILE] = render(env, "dockerignore.j2", manifest=manifest, lines=lines)
    return dict(sorted(files.items()))


def flags(image: PlannedImage, layer: Layer) -> tuple[str, ...]:
    """Return the flags of a step: tools, requirement files, caches and secrets, in this order."""
    return tuple(_flags(image, layer))


def _flags(image: PlannedImage, layer: Layer) -> Iterator[str]:
    if isinstance(layer, (VenvLayer, InstallLayer)) and image.installer == "uv":
        yield _UV
    if isinstance(layer, InstallLayer):
        if image.installer == "pip":
            yield f"--mount=type=bind,source={PIP_INSTALL},target=/tmp/pip-install.py"
        yield from (
            f"--mount=type=bind,source={path},target={_REQUIREMENTS}/{path}" for path in (*layer.files, *layer.included)
        )
    yield from (mount.flag for mount in layer.mounts)
    if isinstance(layer, (AptLayer, InstallLayer, RunLayer)):
        for secret in image.secrets:
            place = f",env={secret.as_env}" if secret.as_env else f",target={secret.target}" if secret.target else ""
            yield f"--mount=type=secret,id={secret.id}{place}"


def operands(layer: InstallLayer) -> tuple[str, ...]:
    """Return what an installer is told to install."""
    return (*layer.requirements, *(f"--requirement {_REQUIREMENTS}/{path}" for path in layer.files))
