"""The cache mounts of generated steps: ids that only those share whose content can be shared."""

from __future__ import annotations

from bakegen.family.models import CacheChoice, CacheMount
from bakegen.layers import ARCH, Mount

UV_CACHE = "/root/.cache/uv"
WHEELS = "/root/.cache/wheels"
#: The program that installs with pip; in the project only while an image uses it.
PIP_INSTALL = "docker/pip-install.py"


def apt_mounts(choice: CacheChoice, distro: str) -> tuple[Mount, ...]:
    """Return the mounts of a step that installs packages of the distribution: archives, and package lists."""
    name = choice.id or f"apt-{distro}-{ARCH}"
    return tuple(
        Mount(target, f"{name}-{part}", choice.sharing or "locked", holds=("apt", distro, part))
        for target, part in (("/var/cache/apt", "archives"), ("/var/lib/apt/lists", "lists"))
    )


def python_mounts(choice: CacheChoice, installer: str, python: str, distro: str) -> tuple[Mount, ...]:
    """Return the mounts of a step that installs Python packages: the installer's cache."""
    abi = f"cp{python.replace('.', '')}"
    name = choice.id or f"{installer}-{abi}-{distro}-{ARCH}"
    target = UV_CACHE if installer == "uv" else WHEELS
    return (Mount(target, name, choice.sharing or "shared", holds=(installer, abi, distro)),)


def own_mount(mount: CacheMount, distro: str) -> Mount:
    """Return a mount of the user's, under the id it is given or one of its target and the distribution."""
    name = mount.id or f"{mount.target.strip('/').replace('/', '-')}-{distro}-{ARCH}"
    holds = ("run", mount.target, distro)
    return Mount(mount.target, name, mount.sharing, mount.uid, mount.gid, mount.mode, holds=holds)
