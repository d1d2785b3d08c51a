"""References as files write them -> references that a manifest can hold, with variables that no file gives a value."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bakegen.adopt.variables import known, left_open, unknowns
from bakegen.errors import Problem, Where
from bakegen.refs import ImageRef

_OPEN_FRONT = re.compile(r"\$\{([^}]*)\}/(.+)", re.DOTALL)
_OPEN_TAG = re.compile(r"(.+?):[^/:]*\$\{[^}]*\}[^/]*", re.DOTALL)


@dataclass(slots=True)
class Settler:
    """Gives open variables of references the value that is known for their name, and notes what it had to leave out.

    ``values`` are such values with who told them: words of the command line, and defaults that all Dockerfiles agree on.
    """

    values: Mapping[str, tuple[str, str]]
    notes: dict[str, tuple[Where, str]] = field(default_factory=dict)

    def settled(self, text: str, where: Where) -> str:
        """Return a reference, "" where too little of it is known."""
        for name in unknowns(text):
            value, who = self.values.get(name, ("", ""))
            if value and (not who or text.startswith(left_open(name) + "/")):  # an ARG may be called like it by chance
                text = text.replace(left_open(name), value)
                self._say(name, where, f"{who} says {value}, which is taken" if who else "")
        if match := _OPEN_FRONT.fullmatch(text):
            self._say(match[1], where, "image names are taken without it")
            text = match[2]
        if match := _OPEN_TAG.fullmatch(text):
            for name in unknowns(text[len(match[1]) :]):
                self._say(name, where, "latest is taken as the tag")
            text = match[1]
        if not known(text):
            for name in unknowns(text):
                self._say(name, where, f"so the name {text} is not known")
            return ""
        try:
            return str(ImageRef.parse(text))
        except ValueError as error:
            self.notes.setdefault(text, (where, f"an image name that is none: {error}"))
            return ""

    def _say(self, name: str, where: Where, outcome: str) -> None:
        if outcome:
            self.notes.setdefault(name, (where, f"${name} has no value here: {outcome}"))

    def problems(self) -> list[Problem]:
        """Return what there is to say, once a variable."""
        tip = "give it a value: bakegen adopt --set {}=VALUE"
        return [
            Problem(what, where, next=tip.format(name) if re.fullmatch(r"\w+", name) and "has no value" in what else "")
            for name, (where, what) in self.notes.items()
        ]


def registry_of(references: Iterable[str]) -> str:
    """Return what all references have before their last component, "" where they differ or have nothing."""
    names = [posixpath.dirname(ImageRef.parse(text).name) for text in references]
    if not names or not all(names):
        return ""
    parts = [name.split("/") for name in names]
    common = []
    for step in zip(*parts, strict=False):
        if len(set(step)) > 1:
            break
        common.append(step[0])
    return "/".join(common)


def common_tag(references: Iterable[str]) -> str:
    """Return the tag that most references have, ``latest`` where none is more common."""
    counts = Counter(ImageRef.parse(text).tag or "latest" for text in references)
    best = max(counts.values(), default=0)
    return "latest" if counts.get("latest", 0) == best or best < 2 else next(t for t, n in counts.items() if n == best)  # noqa: PLR2004


def short(reference: str, registry: str, tag: str) -> str:
    """Return a reference as the manifest writes it: without the registry, and without the family's tag."""
    ref = ImageRef.parse(reference)
    name = ref.name.removeprefix(f"{registry}/") if registry else ref.name
    own = ref.tag or "latest"
    return name if own == tag else f"{name}:{own}"
