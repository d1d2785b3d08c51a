"""Image references, digests and platforms: parsed once, printed back the same.

Grammar: https://github.com/distribution/reference/blob/main/reference.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9_.]+)?")
_MAX_NAME = 255
#: Where a name without a registry leads: https://docs.docker.com/reference/cli/docker/image/tag/
HUB = "docker.io"
_OLD_HUB = "index.docker.io"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A reference to an image in a registry: name, and a tag, a digest or both."""

    name: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference written in ``text``; a ValueError says what is wrong with it."""
        match = _REFERENCE.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is not an image reference{_reason(text)}")
        if len(match["name"]) > _MAX_NAME:
            raise ValueError(f"the name of an image has at most {_MAX_NAME} characters")
        return cls(match["name"], match["tag"], match["digest"])

    def __str__(self) -> str:
        """Return the reference as it was written."""
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def repository(self) -> str:
        """The last component of the name: ``cuda`` of ``nvidia/cuda``."""
        return self.name.rpartition("/")[2]

    @property
    def registry(self) -> str:
        """The host, with a port if one is given, that has the image: ``docker.io`` where none is written."""
        host = self._host
        return HUB if host in {"", HUB, _OLD_HUB} else host

    @property
    def path(self) -> str:
        """The repository's path in its registry: ``library/python`` of ``python``."""
        path = self.name.removeprefix(f"{self._host}/")
        return path if "/" in path or self.registry != HUB else f"library/{path}"

    @property
    def _host(self) -> str:
        """The host as it is written, if one is: https://github.com/distribution/reference/blob/main/normalize.go."""
        first, slash, _ = self.name.partition("/")
        return first if slash and (set(".:") & set(first) or first != first.lower() or first == "localhost") else ""

    @property
    def canonical(self) -> Self:
        """The reference with all that docker adds in its mind: ``docker.io/library/python:latest`` of ``python``."""
        tag = self.tag if self.tag or self.digest else "latest"
        return replace(self, name=f"{self.registry}/{self.path}", tag=tag)

    def through(self, mirrors: Mapping[str, str]) -> Self:
        """Return the reference by which a mirror (``host/path`` by registry) has the image; itself without one."""
        mirror = mirrors.get(self.registry)
        return replace(self, name=f"{mirror}/{self.path}") if mirror else self

    @property
    def context_name(self) -> str:
        """The name under which BuildKit looks a FROM up among the named contexts.

        It is the familiar form, without ``:latest``: namedContext in
        https://github.com/moby/buildkit/blob/master/frontend/dockerui/namedcontext.go
        """
        name = f"{self.registry}/{self.path}".removeprefix(f"{HUB}/")
        if name.count("/") == 1:
            name = name.removeprefix("library/")
        tag = f":{self.tag}" if self.tag and (self.tag != "latest" or self.digest) else ""
        return name + tag + (f"@{self.digest}" if self.digest else "")


def _reason(text: str) -> str:
    """Return the likeliest cause, as the tail of a sentence, or nothing."""
    if not text:
        return ": it is empty"
    if any(c.isspace() for c in text):
        return ": it contains white space"
    if "@" in text and not re.fullmatch(r"sha256:[0-9a-f]{64}", text.partition("@")[2]):
        return ": a digest is sha256: and 64 hex digits"
    if text != text.lower() and ":" not in text:
        return ": names are lower case"
    return ""


def parse_platform(text: str) -> str:
    """Return ``text`` if it is a platform such as ``linux/arm64/v8``, else raise a ValueError."""
    if not _PLATFORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a platform such as linux/amd64 or linux/arm64/v8")
    return text


def is_platform(text: str) -> bool:
    """Return whether ``text`` is a platform; bake also takes the word ``local``."""
    return _PLATFORM.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Return whether ``text`` is the reference of an image."""
    try:
        ImageRef.parse(text)
    except ValueError:
        return False
    return True
