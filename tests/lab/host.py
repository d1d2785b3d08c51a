"""What the machine must be able to do before a private engine can run on it. Each check says what to do next."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .debs import release_codename
from .shell import LabError, run, say, search_path, step, succeeds

if TYPE_CHECKING:
    from .layout import Layout

MINIMUM_FREE = 6_000_000_000  # bytes: 0.5 GB of packages, 1 GB of stand-ins, and room for one small family of images
RESOLV_CONF = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
TOOLS = {"ip": "iproute2", "wget": "wget", "mount": "mount"}  # wget: debootstrap downloads with it


def check(layout: Layout) -> None:
    """Raise LabError on the first thing that this machine lacks."""
    check_root()
    release_codename()
    check_disk(layout)
    _install_tools()
    check_overlay(layout)


def check_root() -> None:
    """Raise LabError unless this is root."""
    if os.geteuid() != 0:
        raise LabError(
            "the private engine needs root",
            f"this is user {os.geteuid()}; dockerd mounts file systems and creates a bridge",
            "run it as root, or start a Docker engine with buildx yourself (it is then used as it is)",
        )


def free_bytes(path: Path) -> int:
    """Bytes that are free where `path` is, or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def check_disk(layout: Layout) -> None:
    """Raise LabError unless there is room for the engine and its bases."""
    free = free_bytes(layout.home)
    if free < MINIMUM_FREE:
        raise LabError(
            "not enough disk for the lab",
            f"{layout.home} has {free / 1e9:.1f} GB free, the engine with its bases needs {MINIMUM_FREE / 1e9:.0f} GB",
            "free some space (`python -m tests.lab reset` drops old data) or set BAKEGEN_LAB_HOME to a larger disk",
        )


def _install_tools() -> None:
    """Install the few tools that a minimal Debian lacks and that cannot be run from a private prefix."""
    missing = sorted(package for tool, package in TOOLS.items() if shutil.which(tool, path=search_path()) is None)
    if not missing:
        return
    say(f"this machine lacks {', '.join(missing)}: installing with apt-get, system-wide")
    with step("apt-get install"):
        run(["apt-get", "update", "-qq"], what="cannot read Debian's package lists", todo="check apt and the network")
        run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
            what=f"cannot install {', '.join(missing)}",
            todo="install them by hand, then try again",
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )


def check_overlay(layout: Layout) -> None:
    """Mount an overlay where the images will be: the kernel may lack it, or the file system refuse to be its upper."""
    probe = layout.home / "overlay-probe"
    dirs = {name: probe / name for name in ("lower", "upper", "work", "merged")}
    for path in dirs.values():
        path.mkdir(parents=True, exist_ok=True)
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**dirs)
    works = succeeds(["mount", "-t", "overlay", "overlay", "-o", options, dirs["merged"]])
    if works:
        run(["umount", dirs["merged"]], what="cannot unmount the overlay probe")
    shutil.rmtree(probe, ignore_errors=True)
    if not works:
        raise LabError(
            "the engine's images cannot be mounted here",
            f"an overlay mount in {layout.home} failed: this kernel has no overlayfs, this container may not mount, "
            "or the directory lies on an overlay itself",
            "set BAKEGEN_LAB_HOME to a directory on ext4 or xfs, or run on a machine (privileged container) "
            "with `modprobe overlay`",
        )


def nameservers(*files: Path) -> list[str]:
    """Return DNS servers that containers can reach: BAKEGEN_LAB_DNS, else the machine's IPv4 ones that are not loopback.

    The bridge has no IPv6. A container cannot reach the machine's loopback; systemd-resolved keeps the real servers in a second file.
    """
    chosen = os.environ.get("BAKEGEN_LAB_DNS", "").split()
    if chosen:
        return chosen
    for path in files or RESOLV_CONF:
        found = [server for server in _resolv_conf(path) if ":" not in server and not server.startswith("127.")]
        if found:
            return found
    say("no IPv4 DNS server outside loopback is configured: RUN steps will not resolve names (set BAKEGEN_LAB_DNS)")
    return []


def _resolv_conf(path: Path) -> list[str]:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
