"""What a registry stores under a tag: an image, or an index with one image for each platform.

https://github.com/opencontainers/image-spec/blob/main/image-index.md
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakegen.errors import Problem, RegistryError

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join(INDEXES + IMAGES)
#: What a registry must take at least, and clients need not go beyond:
#: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
LARGEST = 4 << 20
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
#: BuildKit's mark on provenance and SBOMs, which stand in an index beside the images:
#: https://docs.docker.com/build/metadata/attestations/attestation-storage/
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index as the registry sent it; the digest is the sha256 of the body."""

    digest: str
    media_type: str
    body: bytes

    @property
    def is_index(self) -> bool:
        """Whether it lists an image for each platform rather than being one image."""
        return self.media_type in INDEXES


def digest_of(body: bytes) -> str:
    """Return the digest of some bytes: ``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def read(body: bytes, content_type: str, name: str) -> Manifest:
    """Return the manifest that ``body`` is; ``name`` is what was asked for, for the error.

    Some registries, and proxies before them, send no useful Content-Type: the body's own mediaType then decides.
    Raises RegistryError for anything that is not an image or an index, a login page for instance.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in INDEXES + IMAGES and not kind.startswith(_SCHEMA_1):
        kind = str(_document(body, name, content_type).get("mediaType", ""))
    if kind.startswith(_SCHEMA_1):
        raise RegistryError(_outdated(name))
    if kind not in INDEXES + IMAGES:
        raise _no_manifest(name, f"it is of the type {printable(kind or content_type) or 'unknown'}")
    document = _document(body, name, kind)
    if not isinstance(document.get("manifests" if kind in INDEXES else "config"), list | dict):
        raise _no_manifest(name, "it lacks what its type must have")
    return Manifest(digest_of(body), kind, body)


def platforms(manifest: Manifest) -> Mapping[str, str]:
    """Return the digest of each platform's image in an index, such as ``linux/arm64``; attestations are left out.

    It is empty for a single image, whose platform stands in its config alone (``config_digest``, ``platform_of``).
    Where several images have one platform (Windows versions), the first is meant, as in containerd. Raises
    RegistryError when the body is not what its media type says.
    """
    if not manifest.is_index:
        if manifest.media_type not in IMAGES:
            raise _no_manifest(manifest.digest, f"it is of the type {printable(manifest.media_type) or 'unknown'}")
        return {}
    document = _document(manifest.body, manifest.digest, manifest.media_type)
    entries = document.get("manifests")
    if not isinstance(entries, list) or "layers" in document:
        raise _no_manifest(manifest.digest, "an index has a list of manifests, and no layers")
    found: dict[str, str] = {}
    for entry in entries:
        platform, digest = _entry(entry, manifest.digest)
        if platform:
            found.setdefault(platform, digest)
    return found


def config_digest(manifest: Manifest) -> str:
    """Return the digest of a single image's config; raises RegistryError where there is none."""
    config = _document(manifest.body, manifest.digest, manifest.media_type).get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise _no_manifest(manifest.digest, "its config has no digest")
    return digest


def platform_of(config: Mapping[str, Any]) -> str:
    """Return the platform that an image's config, or an entry of an index, names; empty where it names none."""
    system, architecture, variant = (str(config.get(key) or "").lower() for key in ("os", "architecture", "variant"))
    if not system or not architecture or "unknown" in (system, architecture):
        return ""
    return "/".join(part for part in (system, *_normal(architecture, variant)) if part)


def printable(text: str, limit: int = 200) -> str:
    """Return what a registry said as it can be shown: one line, no control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[:limit] + "..."


def _normal(architecture: str, variant: str) -> tuple[str, str]:
    """Return architecture and variant under the names that containerd and BuildKit compare.

    normalizeArch in https://github.com/containerd/platforms/blob/main/database.go
    """
    aliases = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
    name = aliases.get(architecture, architecture)
    if name == "armhf":
        return "arm", "v7"
    if name == "armel":
        return "arm", "v6"
    if name == "arm":
        return name, f"v{(variant or '7').removeprefix('v')}"
    plain = {"amd64": ("v1",), "arm64": ("8", "v8"), "386": (variant,)}
    return name, "" if variant in plain.get(name, ()) else variant


def _entry(entry: object, name: str) -> tuple[str, str]:
    """Return platform and digest of one entry of an index; no platform for what cannot run."""
    if not isinstance(entry, dict) or not DIGEST.fullmatch(str(entry.get("digest"))):
        raise _no_manifest(name, "an entry of its list has no digest")
    platform, annotations = entry.get("platform"), entry.get("annotations")
    if not isinstance(platform, dict) or (isinstance(annotations, dict) and _ATTESTATION in annotations):
        return "", ""
    return platform_of(platform), str(entry["digest"])


def _document(body: bytes, name: str, kind: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _no_manifest(name, f"it is not a JSON object (type {printable(kind) or 'unknown'})")
    return document


def _no_manifest(name: str, why: str) -> RegistryError:
    return RegistryError(
        Problem(
            f"what the registry has for {name} is not an image",
            why=why,
            next="check the name; a proxy or a login page may have answered in the registry's place",
        )
    )


def _outdated(name: str) -> Problem:
    return Problem(
        f"{name} is an image of the format schema 1, which docker no longer pulls",
        why="it was pushed by a docker older than 1.10 (https://docs.docker.com/engine/deprecated/)",
        next="take a newer tag, or build the image again and push it",
    )
