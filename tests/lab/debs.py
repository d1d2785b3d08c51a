"""The engine's programs: Debian packages, downloaded and unpacked into a private prefix, nothing installed.

Debian 12 itself has no buildx and an old Docker. The Go programs of Debian testing run on it (they need libc 2.34), so
those come from testing and everything that talks to the kernel or links more than libc from the machine's own release.
"""

from __future__ import annotations

import os
import platform
import shutil
from typing import TYPE_CHECKING, NamedTuple

from .shell import LabError, run, say, step

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import Layout

TESTING = ("docker.io", "docker-cli", "docker-buildx", "containerd", "docker-registry")
OWN_RELEASE = (
    "runc",  # testing's needs libc 2.38
    "tini",
    "debootstrap",
    "iptables",
    # what iptables links and a minimal system lacks
    "libxtables12",
    "libip4tc2",
    "libip6tc2",
    "libmnl0",
    "libnftnl11",
    "libnfnetlink0",
    "libnetfilter-conntrack3",
)
PROGRAMS = (
    "usr/sbin/dockerd",
    "usr/bin/docker",
    "usr/libexec/docker/cli-plugins/docker-buildx",
    "usr/bin/containerd",
    "usr/bin/docker-registry",
    "usr/sbin/runc",
)
TARGET = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Mirror(NamedTuple):
    """Where this machine takes its Debian packages from."""

    archive: str
    security: str | None
    release: str
    has_updates: bool


def release_codename() -> str:
    """VERSION_CODENAME of the running Debian; LabError on any other system."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        facts = {}
    codename = facts.get("VERSION_CODENAME")
    if facts.get("ID") != "debian" or not codename:
        raise LabError(
            "the private engine needs Debian",
            f"this system is {facts.get('PRETTY_NAME') or 'unknown'}; the engine is unpacked from Debian packages",
            "start a Docker engine with buildx yourself (it is then used as it is), or use a Debian 12 machine",
        )
    return codename


def mirror() -> Mirror:
    """Read from apt's own configuration where this machine takes its packages from."""
    release = release_codename()
    what = "cannot tell which Debian mirror to use"
    todo = "configure apt (sources for this release, component main), run `apt-get update`, then try again"
    listing = run(
        # --no-release-info: also what has not been downloaded yet by an `apt-get update`
        ["apt-get", "indextargets", "--no-release-info", f"--format={TARGET}", "Created-By: Packages"],
        what=what,
        todo=todo,
    )
    rows = [line.split() for line in listing.splitlines()]
    rows.sort(
        key=lambda row: "/debian" in row[0]
    )  # the last one counts: others too publish suites named after Debian's
    found = {suite: uri.rstrip("/") for uri, suite, component in rows if component == "main"}
    if release not in found:
        raise LabError(what, f"apt knows no source for {release} main", todo)
    return Mirror(found[release], found.get(f"{release}-security"), release, f"{release}-updates" in found)


def fetch(layout: Layout) -> None:
    """Have the engine's programs in the prefix; at once when they are there already."""
    if layout.prefix.is_dir():
        missing = [program for program in PROGRAMS if not (layout.prefix / program).exists()]
        if not missing:
            return
        say(f"{layout.prefix} lacks {', '.join(missing)}: making it anew")
        shutil.rmtree(layout.prefix)
    source = mirror()
    suite = os.environ.get("BAKEGEN_LAB_SUITE", "forky")
    with step(f"apt-get update (own lists: {source.release} and {suite})"):
        options = _update(layout, source, suite)
    with step(f"download {len(TESTING) + len(OWN_RELEASE)} packages"):
        _download(layout, options, [f"{p}/{suite}" for p in TESTING] + [f"{p}/{source.release}" for p in OWN_RELEASE])
    with step("unpack them into a private prefix"):
        _unpack(layout)


def _update(layout: Layout, source: Mirror, suite: str) -> list[str]:
    """Fetch the package lists of both suites; return the apt options that select these lists."""
    (layout.apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    signed = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""  # noqa: PTH110 - a constant
    sources = layout.apt / "sources.list"
    sources.write_text("".join(f"deb {signed}{source.archive} {name} main\n" for name in (suite, source.release)))
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": layout.apt / "lists",
        "Dir::Cache": layout.apt / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "root",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    run(
        ["apt-get", *options, "-qq", "--error-on=any", "update"],
        what="cannot read Debian's package lists",
        todo=f"check that this machine reaches the mirror that apt is configured with, and that it carries {suite} "
        "(BAKEGEN_LAB_SUITE names another suite)",
    )
    return options


def _download(layout: Layout, options: list[str], packages: list[str]) -> None:
    """Download the packages, each from the suite after its slash; those that are there already are kept."""
    layout.debs.mkdir(parents=True, exist_ok=True)
    run(
        ["apt-get", *options, "-qq", "download", *packages],
        cwd=layout.debs,
        what="cannot download the engine's packages",
        todo="check the network and the mirror in apt's configuration, then try again: what has arrived is kept",
    )


def _unpack(layout: Layout) -> None:
    """Unpack everything into a new directory, check that it runs, and only then give it its name."""
    fresh = layout.prefix.with_name("prefix.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for package in sorted(layout.debs.glob("*.deb")):
        run(["dpkg", "-x", package, fresh], what=f"cannot unpack {package.name}", todo=f"delete {package}, try again")
    _link_client(fresh)
    _write_iptables_wrappers(fresh)
    for program in PROGRAMS:
        run(
            [fresh / program, "version" if program.endswith("buildx") else "--version"],
            what=f"{program} does not run here",
            todo="if the message names GLIBC, set BAKEGEN_LAB_SUITE=trixie and delete the lab's cache/debs",
        )
    fresh.rename(layout.prefix)
    shutil.rmtree(layout.apt, ignore_errors=True)


def _link_client(prefix: Path) -> None:
    """Make the directory that `env` puts into PATH: the client alone, not the daemons."""
    (prefix / "client").mkdir()
    (prefix / "client" / "docker").symlink_to("../usr/bin/docker")


def _write_iptables_wrappers(prefix: Path) -> None:
    """Write one script per backend: iptables needs the libraries and extensions that were unpacked with it."""
    (prefix / "wrappers").mkdir()
    (prefix / "wrappers" / "iptables").symlink_to("iptables-nft")  # dockerd looks for this name in networks of users
    for backend in ("nft", "legacy"):
        script = prefix / "wrappers" / f"iptables-{backend}"
        script.write_text(
            "#!/bin/sh\n"
            'here=$(dirname "$(readlink -f "$0")")/..\n'
            'for lib in "$here"/usr/lib/*-linux-gnu; do\n'
            '  export LD_LIBRARY_PATH="$lib" XTABLES_LIBDIR="$lib/xtables"\n'
            "done\n"
            f'exec "$here/usr/sbin/xtables-{backend}-multi" iptables "$@"\n',
        )
        script.chmod(0o755)
