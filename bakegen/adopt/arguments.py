"""The build arguments that an image needs: those that its Dockerfile would not have by itself."""

from __future__ import annotations

from collections.abc import Iterator

from bakegen.adopt.images import Draft
from bakegen.dockerfile.parser import Dockerfile
from bakegen.dockerfile.words import Command, shell_words

#: What BuildKit takes without ARG: https://docs.docker.com/build/building/variables/#pre-defined-build-arguments
_KNOWN = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})


def needed(draft: Draft, dockerfile: Dockerfile) -> dict[str, str]:
    """Return the arguments of an image without those that the file does not declare or has the same defaults for."""
    declared: dict[str, list[str | None]] = {}
    for name, default in _declared(dockerfile):
        declared.setdefault(name, []).append(default)
    return {name: value for name, value in draft.args.items() if _matters(name, value, declared.get(name))}


def _matters(name: str, value: str, defaults: list[str | None] | None) -> bool:
    if defaults is None:
        return name.upper() in _KNOWN or name.startswith("BUILDKIT_")
    first, *rest = defaults  # a later ARG without a default takes the global one's value
    return first != value or any(default not in {None, value} for default in rest)


def _declared(dockerfile: Dockerfile) -> Iterator[tuple[str, str | None]]:
    """Yield the names of all ARGs with their defaults as they are written, without quotes."""
    for instruction in dockerfile.instructions:
        command: Command = instruction.command.inner or instruction.command
        if command.name == "ARG":
            for word in shell_words(instruction.text, command.start, command.end, dockerfile.escape):
                name, equals, default = word.text.partition("=")
                plain = default[1:-1] if default[:1] == default[-1:] and default[:1] in {"'", '"'} else default
                yield name, plain if equals else None
