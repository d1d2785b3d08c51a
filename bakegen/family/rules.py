"""What the texts of a manifest may hold: each rule returns its text, perhaps tidied, or raises a ValueError that says why not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from bakegen.refs import HUB, ImageRef

#: A space, and everything that ends a line or a word for the shell, HCL or BuildKit but is invisible to a reader.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
#: BuildKit takes lines of 65,535 bytes; an escaped value may be twice as long.
_MAX_VALUE = 32_000


def checked(pattern: str, what: str) -> Callable[[str], str]:
    """Return a validator that accepts strings matching the whole ``pattern`` and calls others not ``what``."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):  # compiled when a manifest first needs it, and kept by re
            raise ValueError(f"{text!r} is not {what}")
        return text

    return check


def relative_path(text: str) -> str:
    """Return ``text`` if it is a path inside the project, with forward slashes; else raise a ValueError."""
    if text != text.strip() or not text or _CONTROL.search(text) or "\n" in text or "\t" in text:
        raise ValueError(f"{text!r} is not a path")
    if "\\" in text:
        raise ValueError(f"{text!r}: write paths with forward slashes, on Windows too")
    if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        raise ValueError(f"{text!r} is outside the project: paths are relative to the manifest")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{text!r} leaves the project: '..' is not allowed")
    return "/".join(parts) or "."


def copied(text: str) -> str:
    """Return a path that COPY takes: a client leaves out what ``!`` begins, and ``<<`` opens a heredoc, in JSON too."""
    if text.startswith(("!", "<<")):
        raise ValueError(f"{text!r}: COPY cannot take a path that begins with ! or <<; rename the file")
    return text


def is_requirement_path(text: str) -> bool:
    """Return whether ``text`` can stand in a mount and in a command as it is."""
    return re.fullmatch(r"[A-Za-z0-9._/@+-]+", text) is not None


def container_path(text: str) -> str:
    """Return an absolute path in an image."""
    if not text.startswith("/") or _CONTROL.search(text) or "\n" in text:
        raise ValueError(f"{text!r} is not an absolute path in the image, such as /app")
    return text


def command(text: str) -> str:
    """Return a command that a shell can run."""
    if not text.strip():
        raise ValueError("the command is empty")
    if bad := _CONTROL.search(text):
        raise ValueError(f"control character U+{ord(bad[0]):04X} is not allowed in a command")
    return text


def registry_host(text: str) -> str:
    """Return ``text`` if it is the host of a registry, as references write it."""
    try:
        ref = ImageRef.parse(f"{text}/x/y")
    except ValueError:
        raise ValueError(
            f"{text!r} is not the host of a registry, such as docker.io or registry.example:5000"
        ) from None
    if text in {"index.docker.io", "registry-1.docker.io", "hub.docker.com"}:
        raise ValueError(f"{text!r}: write docker.io, as references do")
    if ref.registry != text or text != text.lower():
        raise ValueError(f"{text!r} is not the host of a registry: lower case, with a dot or a port, or localhost")
    return text


def mirror(text: str) -> str:
    """Return ``text`` if images can be named below it."""
    try:
        ref = ImageRef.parse(f"{text}/x")
    except ValueError:
        raise ValueError(f"{text!r} is not a mirror: write host/path, without https:// and without a tag") from None
    if ref.registry == HUB or ref.tag:
        raise ValueError(f"{text!r} is not a mirror: it begins with a host, such as mirror.example/hub")
    return text


def env_value(text: str) -> str:
    """Return a value that ENV can hold, which has no escape for the rest: https://docs.docker.com/reference/dockerfile/#env."""
    if bad := re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError(
            f"a Dockerfile cannot hold U+{ord(bad[0]):04X} in an environment variable; put such text into a file"
        )
    if len(text.encode()) > _MAX_VALUE:
        raise ValueError(
            f"longer than {_MAX_VALUE} bytes, which no line of a Dockerfile holds; put such text into a file"
        )
    return text


def any_text(text: str) -> str:
    """Return what bake makes of ``text``: all strings of HCL are in Unicode's form NFC.

    https://github.com/zclconf/go-cty/blob/main/docs/types.md
    """
    if bad := re.search(r"[\x00\ud800-\udfff]", text):
        raise ValueError(f"U+{ord(bad[0]):04X} cannot be passed to a build")
    return unicodedata.normalize("NFC", text)


def composed(text: str) -> str:
    """Return text in the form in which bake looks for files."""
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError(f"{text!r}: bake finds files by composed names (Unicode's NFC) only; rename the file")
    return text


def filled(text: str) -> str:
    """Return text that is not empty."""
    if not text:
        raise ValueError("an empty text is not allowed here")
    return text
