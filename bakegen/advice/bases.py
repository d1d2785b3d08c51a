"""What is known of public base images without asking a registry: the user, the variables that move caches, the system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bakegen.advice.model import State, Value
from bakegen.family.bases import guess_distro, guess_python
from bakegen.refs import ImageRef

#: Images whose configuration names no user, by path in their registry; what they set that moves a cache. Sources: their
#: Dockerfiles, at https://github.com/docker-library/official-images and in the projects of the same name.
_ROOT: dict[str, Mapping[str, str]] = {
    "nvidia/cuda": {},
    "library/golang": {"GOPATH": "/go"},
    "library/rust": {"CARGO_HOME": "/usr/local/cargo"},
    **{
        f"library/{name}": {}
        for name in (
            "almalinux",
            "alpine",
            "amazoncorretto",
            "amazonlinux",
            "buildpack-deps",
            "centos",
            "debian",
            "eclipse-temurin",
            "fedora",
            "gcc",
            "maven",
            "nginx",
            "node",
            "openjdk",
            "oraclelinux",
            "perl",
            "php",
            "pypy",
            "python",
            "rockylinux",
            "ruby",
            "ubuntu",
        )
    },
}
_WINDOWS = re.compile(r"(^|[/:.-])(windows|nanoserver|servercore|windowsservercore)", re.IGNORECASE)


def is_windows(reference: str) -> bool:
    """Return whether a base is a Windows image, as far as its name tells."""
    return bool(_WINDOWS.search(reference))


def known(reference: str) -> State:
    """Return what is known of an external image by its name."""
    try:
        ref = ImageRef.parse(reference)
    except ValueError:
        return State()
    distro = guess_distro(ref)
    where = f"the base {reference}"
    env = _ROOT.get(ref.path)
    state = State(distro=distro, python=guess_python(ref) or "", base=reference)
    if env is None:
        return state
    values = {name: Value(text, where) for name, text in env.items()}
    shell = Value("/bin/sh -c")
    return replace(state, env=values, user=Value(""), workdir=Value("/"), shell=shell, complete=True)
