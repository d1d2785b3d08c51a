"""The names of BuildKit's steps, taken apart.

buildx writes ``[<bake target> <rest>`` only when it solves more than one target (util/progress/multiwriter.go), and the
Dockerfile frontend writes ``[<platform> <stage> <k>/<n>] <instruction>`` (frontend/dockerfile/dockerfile2llb/convert.go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNT = re.compile(r"(\d+)/(\d+)")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9]+)?")


@dataclass(frozen=True, slots=True)
class StepName:
    """A step's name: ``number`` of ``count`` within ``stage``, both 0 when BuildKit does not count the step."""

    target: str
    text: str
    stage: str = ""
    number: int = 0
    count: int = 0
    platform: str = ""
    internal: bool = False

    @property
    def counted(self) -> bool:
        """Return whether the step is an instruction whose ``cached`` mark can be relied on: numbered, and not FROM.

        ``COPY --link`` has two steps of one number: the COPY, and a LINK COPY that lays the result over what is below.
        """
        return self.number > 0 and not self.text.startswith(("FROM ", "LINK "))

    @property
    def exports(self) -> bool:
        """Return whether the step hands the result over: writes, pushes or loads the image."""
        return self.text.startswith(_EXPORTS)


_EXPORTS = ("exporting to ", "pushing ", "sending tarball", "importing to docker", "exporting cache")


def parse_name(name: str, sole_target: str = "") -> StepName:
    """Return the parts of a step's name; ``sole_target`` is the target when only one is solved, "" otherwise."""
    head, text = _bracket(name)
    target = sole_target
    if not sole_target:
        target, _, head = head.partition(" ")
    words = head.split(" ") if head else []
    platform = words.pop(0) if words and _is_platform(words[0]) else ""
    count = _COUNT.fullmatch(words[-1]) if words else None
    if count:
        stage = " ".join(words[:-1])
        return StepName(target, text, stage, int(count[1]), int(count[2]), platform)
    internal = bool(words) and words[0] == "internal"
    return StepName(target, text, "" if internal else " ".join(words), platform=platform, internal=internal)


def _bracket(name: str) -> tuple[str, str]:
    """Return what stands in the leading brackets and what follows them."""
    if not name.startswith("["):
        return "", name
    head, bracket, text = name[1:].partition("]")
    return (head, text.strip()) if bracket else ("", name)


def _is_platform(word: str) -> bool:
    return "/" in word and _PLATFORM.fullmatch(word) is not None and _COUNT.fullmatch(word) is None
