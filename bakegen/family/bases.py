"""What the reference of a base tells: its distribution, interpreter and target. Pure: names only, no registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bakegen.family.fields import Target
from bakegen.family.models import Base
from bakegen.refs import ImageRef

#: Code names of releases, as in https://www.debian.org/releases/ and https://releases.ubuntu.com/.
_RELEASES = {
    "buster": "buster",
    "bullseye": "bullseye",
    "bookworm": "bookworm",
    "trixie": "trixie",
    "focal": "ubuntu20.04",
    "jammy": "ubuntu22.04",
    "noble": "ubuntu24.04",
}
_DEBIAN = {"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie"}


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """What bakegen knows about a base."""

    name: str
    ref: ImageRef
    target: Target
    distro: str
    python: str | None


def facts(name: str, base: Base, ref: ImageRef, mirrors: Mapping[str, str]) -> BaseFacts:
    """Return what the manifest says of ``base``, completed by what ``ref``, its locked reference, tells."""
    return BaseFacts(
        name=name,
        ref=ref.through(mirrors),
        target=base.target or guess_target(ref),
        distro=base.distro or guess_distro(ref),
        python=base.python or guess_python(ref),
    )


def guess_target(ref: ImageRef) -> Target:
    """Return cuda when the name or tag says so, as in nvidia/cuda and pytorch/pytorch:...-cuda12.1-...."""
    return Target.CUDA if re.search(r"(^|[^a-z])(cuda|cu1[0-9]{2})", f"{ref.name}:{ref.tag or ''}") else Target.CPU


def guess_distro(ref: ImageRef) -> str:
    """Return the release named in the tag; else name and tag, which keeps cache ids of unlike bases apart."""
    tag = ref.tag or ""
    for code_name, release in _RELEASES.items():
        if code_name in tag:
            return release
    if match := re.search(r"ubuntu([0-9]{2}\.[0-9]{2})", tag):
        return f"ubuntu{match[1]}"
    if ref.repository == "ubuntu" and re.match(r"[0-9]{2}\.[0-9]{2}", tag):
        return f"ubuntu{tag[:5]}"
    if ref.repository == "debian" and tag.split(".")[0].split("-")[0] in _DEBIAN:
        return _DEBIAN[tag.split(".")[0].split("-")[0]]
    return re.sub(r"[^a-z0-9.]+", "-", f"{ref.repository}-{tag}".lower()).strip("-")


def guess_python(ref: ImageRef) -> str | None:
    """Return the version in the tag of an official python image, or None."""
    match = re.match(r"(3\.[0-9]+)", ref.tag or "") if ref.repository == "python" else None
    return match[1] if match else None
