"""Where one lab keeps its files, and the names under which it appears on the machine."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """One lab: its root, the cache it takes downloads and stand-ins from, and every path below them.

    Two labs with different roots share nothing but the cache: each has its own sockets, bridge, subnet and data.
    """

    home: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Layout:
        """Read BAKEGEN_LAB_HOME and BAKEGEN_LAB_CACHE; the cache lies inside the home unless said otherwise."""
        default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bakegen-lab"
        home = Path(os.environ.get("BAKEGEN_LAB_HOME") or default).absolute()
        return cls(home, Path(os.environ.get("BAKEGEN_LAB_CACHE") or home / "cache").absolute())

    @cached_property
    def id(self) -> str:
        """Six hex digits that stand for the home in names that the whole machine sees."""
        return hashlib.sha256(os.fsencode(self.home)).hexdigest()[:6]

    @property
    def name(self) -> str:
        """The mark on everything outside the home: runtime directory, cgroup, comment of firewall rules."""
        return f"bakegen-lab-{self.id}"

    @property
    def bridge(self) -> str:
        """The bridge's name; Linux allows 15 characters."""
        return f"bglab-{self.id}"

    @property
    def runtime(self) -> Path:
        """Sockets and pid files: in /run, because a socket's path may have 107 characters and a home may be deep."""
        return Path("/run") / self.name

    @property
    def socket(self) -> Path:
        """Where dockerd listens."""
        return self.runtime / "docker.sock"

    @property
    def exec_root(self) -> Path:
        """Runtime state of dockerd and its containerd."""
        return self.runtime / "exec"

    @property
    def pidfile(self) -> Path:
        """Written by dockerd."""
        return self.runtime / "docker.pid"

    @property
    def daemon_config(self) -> Path:
        """The daemon.json of this lab; its path in a command line also tells our dockerd from any other."""
        return self.runtime / "daemon.json"

    @property
    def registry_config(self) -> Path:
        """The configuration of docker-registry."""
        return self.runtime / "registry.yml"

    @property
    def data(self) -> Path:
        """Images, build cache and cache mounts."""
        return self.home / "data"

    @property
    def registry_data(self) -> Path:
        """Blobs and manifests of the local registry."""
        return self.home / "registry"

    @property
    def state(self) -> Path:
        """What has to be remembered between runs: registry port and subnet."""
        return self.home / "state.json"

    @property
    def logs(self) -> Path:
        """Output of dockerd and docker-registry, one file each, begun anew at every start."""
        return self.home / "logs"

    @property
    def docker_config(self) -> Path:
        """DOCKER_CONFIG of the lab: the buildx plugin, and no credentials."""
        return self.home / "docker-config"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the lab."""
        return self.home / "change.lock"

    @property
    def users(self) -> Path:
        """Held, shared, by whoever uses the engine."""
        return self.home / "users.lock"

    @property
    def debs(self) -> Path:
        """Downloaded packages."""
        return self.cache / "debs"

    @property
    def apt(self) -> Path:
        """The lab's own package lists, so that the machine's are neither needed nor changed."""
        return self.cache / "apt"

    @property
    def prefix(self) -> Path:
        """The unpacked packages."""
        return self.cache / "prefix"

    @property
    def client_bin(self) -> Path:
        """A directory with nothing but `docker` in it, to put in front of a PATH."""
        return self.cache / "prefix" / "client"

    @property
    def wrappers(self) -> Path:
        """Small scripts that run unpacked programs with the libraries beside them."""
        return self.cache / "prefix" / "wrappers"
