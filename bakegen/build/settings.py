"""What a build sets for its own sake, beyond what the bake files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakegen.engine.bake import output_types, override_file

if TYPE_CHECKING:
    from bakegen.build.model import BuildRequest
    from bakegen.engine.bake import Definition
    from bakegen.engine.info import Builder

CACHE_ONLY = ("type=cacheonly",)
ZSTD = "compression=zstd"


def settings_file(request: BuildRequest, definition: Definition, builder: Builder) -> str:
    """Return the text of the extra bake file of this build; "" when there is nothing to set."""
    outputs = outputs_of(request, definition, builder)
    if not (outputs or request.contexts or request.args):
        return ""
    return override_file(outputs=outputs, contexts=request.contexts, args=request.args)


def outputs_of(request: BuildRequest, definition: Definition, builder: Builder) -> dict[str, tuple[str, ...]]:
    """Return the outputs to set, by selected target.

    Layers go into the engine's own image store as zstd where it can hold them (docker driver with containerd's store):
    measured against gzip, the default, an export of 1.4 GB takes half the time. A target that names its outputs keeps
    them, and pushed images keep the bake file's compression, because others have to read them.
    """
    if request.output == "none":
        return dict.fromkeys(request.targets, CACHE_ONLY)
    if not wants_zstd(request) or not builder.holds_zstd:
        return {}
    kind = "docker" if request.output == "load" else "image"
    free = (target for target in request.targets if not definition.get(target, {}).get("output"))
    return dict.fromkeys(free, (f"type={kind},{ZSTD}",))


def wants_zstd(request: BuildRequest) -> bool:
    """Return whether it matters what the engine's image store can hold."""
    return request.compression == "auto" and request.output in {"default", "load"}


def exporting(request: BuildRequest, definition: Definition, builder: Builder) -> frozenset[str]:
    """Return the targets whose result is handed over, and not only kept in the cache: they end with an export step."""
    if request.output == "none":
        return frozenset()
    own = {name: output_types(definition.get(name, {})) for name in request.targets}
    handed_over = request.output != "default" or builder.driver == "docker"
    return frozenset(name for name, types in own.items() if types != ("cacheonly",) and (types or handed_over))
