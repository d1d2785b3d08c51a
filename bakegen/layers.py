"""The layers of a generated image: one installation step each, in the order of how rarely they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

#: BuildKit expands it in mount ids, once ``ARG TARGETARCH`` is declared in the stage.
ARCH = "${TARGETARCH}"


@dataclass(frozen=True, slots=True)
class Mount:
    """One cache mount of a step, and what its content depends on."""

    target: str
    id: str
    sharing: str = "shared"
    uid: int | None = None
    gid: int | None = None
    mode: str | None = None
    holds: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The mount as a flag of RUN: https://docs.docker.com/reference/dockerfile/#run---mounttypecache."""
        parts = [f"id={self.id}", f"target={self.target}"]
        if self.sharing != "shared":
            parts.append(f"sharing={self.sharing}")
        parts += [f"{name}={value}" for name in ("uid", "gid", "mode") if (value := getattr(self, name)) is not None]
        return "--mount=type=cache," + ",".join(parts)

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What selects the cache in BuildKit: its id and its owner, each as written."""
        return (self.id, str(self.uid or 0), str(self.gid or 0), str(self.mode or ""))


@dataclass(frozen=True, slots=True)
class UserLayer:
    """A user without a password, with a home for caches of libraries."""

    kind: ClassVar[str] = "user"
    name: str
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkdirLayer:
    """The directory in which steps and the image's program start."""

    kind: ClassVar[str] = "workdir"
    path: str
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class AptLayer:
    """Packages of the distribution."""

    kind: ClassVar[str] = "apt"
    packages: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class VenvLayer:
    """The virtual environment at /opt/venv that every later layer installs into."""

    kind: ClassVar[str] = "venv"
    python: str
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class InstallLayer:
    """Python packages: requirement files, or single requirements such as those of torch."""

    kind: ClassVar[str] = "install"
    title: str
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    index_arg: str | None = None
    index_url: str | None = None
    constrained: bool = True
    unfreeze: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvLayer:
    """Build arguments and environment variables."""

    kind: ClassVar[str] = "env"
    args: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class RunLayer:
    """A shell command of the user's."""

    kind: ClassVar[str] = "run"
    command: str
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesLayer:
    """Files of the project: (source, destination, mode or nothing)."""

    kind: ClassVar[str] = "files"
    copies: tuple[tuple[str, str, str], ...]
    mounts: tuple[Mount, ...] = ()


Layer: TypeAlias = UserLayer | WorkdirLayer | AptLayer | VenvLayer | InstallLayer | EnvLayer | RunLayer | FilesLayer
