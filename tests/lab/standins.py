"""Stand-in bases: small images under the names of public ones, for a machine that reaches no public registry.

They are built once, in a throw-away lab with a registry of its own; that registry's files are the cached result. A start
copies them into the lab's registry, which dockerd uses as the mirror of Docker Hub: `FROM python:3.11-slim` then works
as it is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import daemon, rootfs
from .layout import Layout
from .shell import run, step

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKERFILES = Path(__file__).parent / "bases"
BASES = {
    "python:3.11-slim": ("library/python:3.11-slim", "python.Dockerfile"),
    "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04": (
        "nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04",
        "cuda.Dockerfile",
    ),
}
TRUST = {name: str(rootfs.CERTIFICATES) for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")}
ROOTFS_IMAGE = "bakegen-lab/rootfs"  # the Dockerfiles begin with it


def version() -> str:
    """Change when what the stand-ins are made from changes: a changed recipe builds them anew."""
    sources = [*sorted(DOCKERFILES.iterdir()), Path(rootfs.__file__), rootfs.machine_certificates()]
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources if source)).hexdigest()[:12]


def prepare(layout: Layout) -> Path:
    """Have the stand-ins in the cache and return their directory. The caller holds the cache's lock."""
    final = layout.cache / f"standins-{version()}"
    if final.is_dir():
        return final
    abandon(layout)
    work = _work(layout)
    shutil.rmtree(work, ignore_errors=True)
    throwaway = _throwaway(layout)
    throwaway.home.mkdir(parents=True)
    result = work / "result"
    result.mkdir()
    try:
        archive = rootfs.build(layout, work)
        state = daemon.start(throwaway, {})
        _build_all(throwaway, f"127.0.0.1:{state.registry_port}", archive)
        (result / "digests.json").write_text(json.dumps(_pushed(throwaway), indent=1) + "\n")
    finally:
        daemon.stop(throwaway)
    throwaway.registry_data.rename(result / "registry")
    for outdated in layout.cache.glob("standins-*"):
        shutil.rmtree(outdated)
    result.rename(final)
    shutil.rmtree(work)
    return final


def abandon(layout: Layout) -> None:
    """Stop the throw-away engine of an attempt that was killed. The caller holds the cache's lock."""
    if _work(layout).exists():
        daemon.stop(_throwaway(layout))


def _work(layout: Layout) -> Path:
    return layout.cache / "standins.partial"


def _throwaway(layout: Layout) -> Layout:
    return Layout(_work(layout) / "lab", layout.cache)


def seed(layout: Layout, prepared: Path) -> dict[str, str]:
    """Put the stand-ins into the lab's registry, which must not run, and return them: base -> `repository@digest`.

    A tag that a test has moved points at its stand-in again.
    """
    source = prepared / "registry"
    for path in _files(source):
        target = layout.registry_data / path.relative_to(source)
        if "blobs" in path.parts and target.exists():  # named after its content
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    bases: dict[str, str] = json.loads((prepared / "digests.json").read_text())
    return bases


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def _build_all(lab: Layout, host: str, archive: Path) -> None:
    """Import the base system and build every stand-in on it, straight into the registry."""
    env = {"DOCKER_HOST": f"unix://{lab.socket}", "DOCKER_CONFIG": str(lab.docker_config)}
    docker = lab.client_bin / "docker"
    with step("import it into the engine"):
        changes = [f"--change=ENV {name}={path}" for name, path in TRUST.items()]
        run([docker, "import", *changes, archive, ROOTFS_IMAGE], what="cannot import the base system", env=env)
        archive.unlink()
    # A secret, because the address of a private index may hold a password and arguments stay in the image's history.
    secrets = ["--secret=id=index,env=PIP_INDEX_URL"] if os.environ.get("PIP_INDEX_URL") else []
    for name, (reference, dockerfile) in BASES.items():
        with step(f"build the stand-in for {name}"):
            command = ["buildx", "build", "--progress=plain", *secrets, "--push", f"--tag={host}/{reference}"]
            run(
                [docker, *command, f"--file={DOCKERFILES / dockerfile}", lab.logs],
                what=f"cannot build the stand-in for {name}",
                todo="check that containers reach the Debian mirror and the Python index (DNS, proxy), then try again",
                env=env,
                timeout=1800,
            )


def _pushed(lab: Layout) -> dict[str, str]:
    """Read from the registry's files what digest each stand-in got."""
    found = {}
    for name, (reference, _) in BASES.items():
        repository, tag = reference.split(":")
        tags = lab.registry_data / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        found[name] = f"{repository}@{(tags / tag / 'current/link').read_text()}"
    return found
