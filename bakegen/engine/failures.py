"""Why docker or buildx could not do it: their own words, matched against what is known, made into an error to act on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bakegen.errors import BakegenError, BuildFailed, EngineError, Problem


@dataclass(frozen=True, slots=True)
class Known:
    """A failure that is known: words to find it by, and what to tell the user. ``{0}`` is the pattern's first group."""

    pattern: str
    what: str
    why: str
    next: str


ENGINE = (
    Known(
        r"unknown command: docker buildx|'buildx' is not a docker command|unknown flag: --progress",
        "docker is installed, but its buildx plugin is not",
        "bakegen builds with `docker buildx bake`",
        "install buildx (package docker-buildx or docker-buildx-plugin, or https://github.com/docker/buildx#installing)",
    ),
    Known(
        r"invalid progress mode rawjson",
        "buildx is too old: it cannot report progress as JSON",
        "bakegen reads that report to show and record a build",
        "update buildx to 0.12 or newer, better 0.29; `docker buildx version` shows yours",
    ),
    Known(
        r"permission denied while trying to connect to the docker (?:daemon socket|API) at ([^\s:]+://\S+?)[:\s]",
        "the Docker engine at {0} may not be used by this user",
        "its socket belongs to root and, usually, the group docker",
        "add the user to that group and log in again, use rootless docker, or set DOCKER_HOST to an engine of your own",
    ),
    Known(
        r"cannot connect to the docker daemon at (\S+?)\.? is the docker daemon running"
        r"|failed to connect to the docker API at ([^\s;,]+)",
        "no Docker engine answers at {0}",
        "bakegen has to reach an engine to build",
        "start it (systemctl start docker, or Docker Desktop), or point DOCKER_HOST or `docker context use` at one",
    ),
    Known(
        r"error during connect|connection refused|no such host|i/o timeout|tls: |x509: .*dial",
        "the connection to the Docker engine failed",
        "bakegen has to reach an engine to build",
        "check DOCKER_HOST, `docker context ls`, and that `docker version` shows a server",
    ),
    Known(
        r'no builder "([^"]*)" found|failed to find builder "?([^"\s]+)',
        "there is no builder named {0}",
        "it was asked for on the command line, by BUILDX_BUILDER, or by `docker buildx use`",
        "`docker buildx ls` lists the builders; `docker buildx use default` takes the engine's own",
    ),
    Known(
        r'context "([^"]+)"(?: does not exist|: context not found)|unable to resolve docker endpoint.*context "([^"]+)"',
        "there is no docker context named {0}",
        "it was asked for by DOCKER_CONTEXT, `docker context use`, or the command line",
        "`docker context ls` lists the contexts; `docker context use default` goes back",
    ),
)


def explain(text: str, otherwise: type[BakegenError] = BuildFailed) -> BakegenError:
    """Return the error for what docker printed: an EngineError where the engine is at fault, else ``otherwise``.

    The text of an unknown failure is buildx's own, unshortened. Once the engine solves, what its steps and registries
    say ("connection refused") is no word about the engine.
    """
    words = error_text(text)
    for known in ENGINE if "failed to solve" not in words else ():
        if found := re.search(known.pattern, words + " ", re.IGNORECASE | re.DOTALL):
            name = next((group for group in found.groups() if group), "")
            why = f"{known.why}; docker says: {words.splitlines()[0]}"
            return EngineError(Problem(known.what.format(name), why=why, next=known.next))
    return otherwise(Problem(words or "docker failed without a word"))


def error_text(text: str) -> str:
    """Return what follows the last ``ERROR:`` that starts a line, or the whole text when there is none."""
    *_, last = re.split(r"^ERROR: ", text, flags=re.MULTILINE)
    return last.strip()
