"""The values of a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from bakegen.trace.model import CacheUse

State: TypeAlias = Literal["working", "cold", "not stored", "bypassed"]


class Usage(Protocol):
    """What an engine holds of one cache mount: ``engine.du.CacheMountUsage`` is one."""

    @property
    def id(self) -> str:
        """The id, without the slash that BuildKit puts before it."""

    @property
    def size(self) -> int | None:
        """Bytes; None where the engine does not know."""

    @property
    def description(self) -> str:
        """BuildKit's own text: the target, and the command that first used the mount."""


@dataclass(frozen=True, slots=True)
class MountUsage:
    """A Usage as a plain value; ``size`` is in bytes, None where it is not known."""

    id: str
    size: int | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one cache mount did for one executed step.

    ``downloaded`` are the bytes that the step's log says were fetched of what the mount keeps, None where it does not
    say. ``delta`` are the bytes by which the mount grew in the run, through all steps that use it; None when that was
    not measured. ``fix`` is empty unless the mount is not stored or bypassed.
    """

    step_key: str
    image: str
    cache: CacheUse
    state: State
    reason: str
    fix: str = ""
    downloaded: int | None = None
    delta: int | None = None

    @property
    def complains(self) -> bool:
        """Whether there is something to repair."""
        return self.state in {"not stored", "bypassed"}


def amount(size: int) -> str:
    """Return bytes for people, in decimal units of three digits: ``4.1 kB``, ``16.3 MB``, ``2.61 GB``."""
    value, units = float(size), ["B", "kB", "MB", "GB"]
    while abs(value) >= 999.5 and len(units) > 1:  # noqa: PLR2004 - 999.5 would be printed as 1000
        value /= 1000
        units.pop(0)
    if units[0] == "B":
        return f"{size} B"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0  # noqa: PLR2004 - three digits in all
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {units[0]}"
