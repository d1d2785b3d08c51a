"""A small Debian bookworm file system, set up like Docker's official one, to build the stand-in bases on."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import debs
from .shell import LabError, run, step

if TYPE_CHECKING:
    from .layout import Layout

SUITE = "bookworm"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
UNWANTED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/log", "var/cache/apt")

# The files that Docker's debian images carry (github.com/debuerreotype/debuerreotype, scripts/.docker-image.sh and
# .slimify-excludes): an apt cache mount does nothing until a Dockerfile deals with docker-clean, so it must be here.
DOCKER_FILES = {
    "etc/apt/apt.conf.d/docker-clean": (
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb '
        '/var/cache/apt/*.bin || true"; };\n'
        'APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb '
        '/var/cache/apt/*.bin || true"; };\n'
        'Dir::Cache::pkgcache "";\n'
        'Dir::Cache::srcpkgcache "";\n'
    ),
    "etc/apt/apt.conf.d/docker-no-languages": 'Acquire::Languages "none";\n',
    "etc/apt/apt.conf.d/docker-gzip-indexes": 'Acquire::GzipIndexes "true";\n',
    "etc/apt/apt.conf.d/docker-autoremove-suggests": 'Apt::AutoRemove::SuggestsImportant "false";\n',
    "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
    "etc/dpkg/dpkg.cfg.d/docker": "".join(
        f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "groff", "info", "linda", "lintian", "locale", "man")
    ),
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
}


def build(layout: Layout, work: Path) -> Path:
    """Return a tar of the file system, built below `work`."""
    source = debs.mirror()
    root = work / "rootfs"
    with step(f"debootstrap {SUITE} (about 40 s)"):
        _debootstrap(layout, source.archive, root)
    _write_apt_sources(root, source)
    for name, text in DOCKER_FILES.items():
        _write(root / name, text)
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    _trust_machine_certificates(root)
    _prune(root)
    archive = work / "rootfs.tar"
    leave_out = [f"--exclude=./{name}/*" for name in ("dev", "proc", "sys", "run")]
    run(["tar", "-C", root, "--numeric-owner", *leave_out, "-cf", archive, "."], what="cannot pack the base system")
    shutil.rmtree(root)
    return archive


def _debootstrap(layout: Layout, archive: str, root: Path) -> None:
    """Run debootstrap in a mount namespace of its own: whatever becomes of it, no /proc stays mounted in the tree."""
    keyring = [f"--keyring={debs.KEYRING}"] if Path(debs.KEYRING).exists() else []
    tool = layout.prefix / "usr/sbin/debootstrap"
    options = ["--variant=minbase", "--include=ca-certificates", *keyring]
    run(
        ["unshare", "--mount", "--propagation", "private", tool, *options, SUITE, root, archive],
        what="cannot build the Debian base of the stand-in images",
        todo="check that the mirror in apt's configuration is reachable and that chroot is allowed here, then try again",
        env={"DEBOOTSTRAP_DIR": str(layout.prefix / "usr/share/debootstrap")},
        timeout=1800,
    )


def _write_apt_sources(root: Path, source: debs.Mirror) -> None:
    """Point apt inside the image at this machine's mirror, in the format of the official images."""
    suites = f"{SUITE} {SUITE}-updates" if source.has_updates else SUITE
    stanzas = [(source.archive, suites)] + ([(source.security, f"{SUITE}-security")] if source.security else [])
    text = "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {names}\nComponents: main\nSigned-By: {debs.KEYRING}\n"
        for uri, names in stanzas
    )
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    _write(root / "etc/apt/sources.list.d/debian.sources", text)


def _write(path: Path, text: str) -> None:
    """Write a file that everybody in the image may read, whatever the umask of whoever builds it."""
    path.write_text(text)
    path.chmod(0o644)


def machine_certificates() -> Path | None:
    """Return the bundle of authorities that this machine trusts."""
    bundle = Path(os.environ.get("SSL_CERT_FILE") or CERTIFICATES)
    return bundle if bundle.is_file() else None


def certificates(text: str) -> list[str]:
    """Return the PEM blocks of a bundle."""
    return re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", text, re.DOTALL)


def _trust_machine_certificates(root: Path) -> None:
    """Add what this machine trusts beyond Debian's bundle (a proxy's authority, say), so that it survives updates."""
    machine = machine_certificates()
    if machine is None:
        return
    known = set(certificates((root / str(CERTIFICATES).lstrip("/")).read_text()))
    extra = [block for block in certificates(machine.read_text(errors="replace")) if block not in known]
    for number, block in enumerate(extra):
        _write(root / f"usr/local/share/ca-certificates/machine-{number}.crt", block)
    run(["chroot", root, "update-ca-certificates"], what="cannot add this machine's certificates to the base system")


def _prune(root: Path) -> None:
    """Leave out what the official slim images leave out, and the package lists."""
    for name in (*UNWANTED, "var/lib/apt/lists"):
        for entry in (root / name).iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    for name in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt"):
        (root / name).mkdir(parents=True, exist_ok=True)
    if not (root / "bin/sh").exists():
        raise LabError("the Debian base is not whole", f"{root}/bin/sh is missing", "run the command again")
