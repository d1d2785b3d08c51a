"""The ids of the mounts that advice puts in: only steps whose caches may be shared get the same one."""

from __future__ import annotations

import re

from bakegen.advice.look import Look
from bakegen.advice.state import Step
from bakegen.advice.tools import Tool
from bakegen.family.bases import guess_target
from bakegen.family.fields import Target
from bakegen.layers import ARCH, Mount
from bakegen.refs import ImageRef

_UNFIT = re.compile(r"[^a-z0-9.]+")


def slug(text: str) -> str:
    """Return a text as part of an id."""
    return _UNFIT.sub("-", text.lower()).strip("-")


def mount(look: Look, step: Step, tool: Tool, target: str, part: str) -> Mount:
    """Return the mount for one of a tool's caches in a step.

    The id says what the content hangs on: the distribution, the architecture and, where it does, Python. What is not known
    is replaced by something narrower: the base's own name, else the file's.
    """
    abi = f"cp{step.state.python.replace('.', '')}" if tool.abi and step.state.python else ""
    parts = (tool.name, abi, _system(look, step, tool), _architecture(look, step), part)
    return Mount(target, "-".join(filter(None, parts)), tool.sharing)


def _system(look: Look, step: Step, tool: Tool) -> str:
    """Return the distribution; of a CUDA base the base itself, where a tool keeps what it compiled."""
    state = step.state
    base = state.base or step.base
    try:
        ref = ImageRef.parse(base)
    except ValueError:
        return state.distro or slug(look.path)
    cuda = tool.builds and guess_target(ref) is Target.CUDA
    return (
        slug(f"{ref.repository}-{ref.tag or ''}")
        if cuda
        else (state.distro or slug(f"{ref.repository}-{ref.tag or ''}"))
    )


def _architecture(look: Look, step: Step) -> str:
    """Return the architecture if one is built for, or the variable that holds it where the stage declares it."""
    if "TARGETARCH" in step.state.env:
        return ARCH
    found = {platform.split("/")[1] for platform in look.around.platforms if "/" in platform}
    return found.pop() if len(found) == 1 else ""
