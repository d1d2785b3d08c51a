"""The variables that a FROM can use: global ARGs, what the build is given for them, and the platform's own.

Rules: https://docs.docker.com/reference/dockerfile/#arg, and ``#automatic-platform-args-in-the-global-scope`` there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bakegen.dockerfile.parser import Dockerfile, Instruction
from bakegen.dockerfile.shell import Expansion, ShellError, expand
from bakegen.dockerfile.words import Word, shell_words

_ONE_VARIABLE = re.compile(r"""("?)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))\1""")
#: Other names of architectures, as BuildKit takes them: https://github.com/containerd/platforms/blob/main/database.go
_SAME = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
_PLAIN = {("amd64", "v1"): "", ("arm64", "v8"): "", ("arm64", "8"): "", ("arm", ""): "v7"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands literally: in the default of the global ARG ``name``."""

    name: str
    span: tuple[int, int]


@dataclass(slots=True)
class Arguments:
    """The variables in force in every FROM, and what is known of them."""

    values: dict[str, str]
    origins: dict[str, Origin] = field(default_factory=dict)
    gaps: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def origin(self, text: str) -> Origin | None:
        """Return where the value of ``text`` stands if it is one variable and nothing else."""
        match = _ONE_VARIABLE.fullmatch(text)
        return self.origins.get(match[2] or match[3]) if match else None

    def why(self, expansion: Expansion) -> tuple[str, ...]:
        """Return what was missing when ``expansion`` was made, in sentences."""
        gaps = [gap for name in expansion.used for gap in self.gaps.get(name, ())]
        unknown = [f"no ARG {name} stands before the first FROM" for name in expansion.missing if name not in self.gaps]
        return tuple(dict.fromkeys([*gaps, *unknown]))

    def declare(self, name: str, expansion: Expansion | None, origin: Origin | None) -> None:
        """Take a global ARG: its default, expanded, if it has one, and where that stands literally."""
        if expansion is None:
            if name not in self.values:
                self.gaps[name] = (f"ARG {name} has no value: give it a default, or a value to the build",)
            return
        gaps = self.why(expansion)
        self.values[name] = expansion.text
        self.gaps[name] = gaps
        self.origins.pop(name, None)
        if origin:
            self.origins[name] = origin


def global_arguments(dockerfile: Dockerfile, args: Mapping[str, str], platform: str, target: str) -> Arguments:
    """Return the variables of a build for ``platform``; ``target`` names the stage that is built."""
    found = Arguments({name: args.get(name, value) for name, value in _automatic(platform, target)})
    for instruction, word in _global_words(dockerfile):
        name, equals, _ = word.text.partition("=")
        if name in args:
            found.declare(name, Expansion(args[name]), None)
        elif not equals:
            found.declare(name, None, None)
        else:
            _default(found, dockerfile, instruction, name, word.part(len(name) + 1))
    return found


def _default(found: Arguments, dockerfile: Dockerfile, instruction: Instruction, name: str, default: Word) -> None:
    """Take the default of an ARG; one that cannot be expanded leaves a gap."""
    try:
        expansion = expand(default.text, found.values, dockerfile.escape)
    except ShellError as error:
        found.values.pop(name, None)
        found.gaps[name] = (f"ARG {name}: {error}",)
        return
    span = dockerfile.literal(instruction, default, expansion.text)
    found.declare(name, expansion, Origin(name, span) if span else found.origin(default.text))


def _global_words(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, Word]]:
    for instruction in dockerfile.instructions:
        if instruction.name == "FROM":
            return
        if instruction.name == "ARG":
            command = instruction.command
            for word in shell_words(instruction.text, command.start, command.end, dockerfile.escape):
                yield instruction, word


def _automatic(platform: str, target: str) -> Iterator[tuple[str, str]]:
    """Yield the arguments that are there without ARG, built on the platform that is built for."""
    system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    architecture = _SAME.get(architecture, architecture)
    variant = _PLAIN.get((architecture, variant), variant)
    full = "/".join(part for part in (system, architecture, variant) if part)
    for side in ("BUILD", "TARGET"):
        yield f"{side}PLATFORM", full
        yield f"{side}OS", system
        yield f"{side}OSVERSION", ""
        yield f"{side}ARCH", architecture
        yield f"{side}VARIANT", variant
    yield "TARGETSTAGE", target or "default"
