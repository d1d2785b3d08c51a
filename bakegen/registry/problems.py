"""What goes wrong with registries, in words for the user. No text here ever holds a password, a token or a header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bakegen.errors import Problem, RegistryError
from bakegen.refs import HUB
from bakegen.registry.manifests import printable

UNAUTHORIZED, FORBIDDEN, MISSING, TOO_MANY = 401, 403, 404, 429


class NotFound(RegistryError):
    """The registry has no such repository, tag or digest."""


class Unanswered(Exception):
    """An exchange that came to no answer."""

    def __init__(self, problem: Problem, *, transient: bool = True) -> None:
        """Take what is to be said of it, and whether it may be different in a second."""
        super().__init__(problem.what)
        self.problem = problem
        self.transient = transient


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def silent(host: str, why: str) -> Problem:
    """Return the problem of a host that cannot be reached."""
    return Problem(
        f"{host} does not answer",
        why=why,
        next="check the name, the network, and HTTPS_PROXY and NO_PROXY if there is a proxy",
    )


def slow(host: str, seconds: float) -> Problem:
    """Return the problem of an answer that takes too long to come in."""
    return Problem(
        f"{host} has not finished its answer in {seconds:g} s",
        why="it sends, but too slowly to wait for",
        next="try again later, or name a mirror of the registry",
    )


def distrusted(host: str, why: str) -> Problem:
    """Return the problem of a certificate that nothing here vouches for."""
    return Problem(
        f"the certificate of {host} cannot be trusted",
        why=why,
        next="add its CA to the system's store, to the file SSL_CERT_FILE names, or as"
        f" /etc/docker/certs.d/{host}/ca.crt (https://docs.docker.com/engine/security/certificates/)",
    )


def speaks_plain_http(host: str) -> Problem:
    """Return the problem of a server that answers TLS with something else."""
    return Problem(
        f"{host} does not speak TLS",
        why="a registry without TLS can be read and changed by anybody on the way, so it has to be allowed",
        next=f"if that is meant, set `plain_http: true` for {host} under `registries` in the manifest",
    )


def damaged(name: str, why: str) -> Problem:
    """Return the problem of an answer that is not what was asked for."""
    return Problem(
        f"what the registry sent for {name} is damaged",
        why=why,
        next="try again; if it stays, the registry, or a proxy or mirror before it, changes what it stores",
    )


def overlong(host: str, limit: int) -> Problem:
    """Return the problem of an answer beyond the limit."""
    return Problem(
        f"{host} sends more than {limit >> 20} MiB where a manifest or a list of tags is expected",
        why="no registry has to take a manifest of that size: https://github.com/opencontainers/distribution-spec",
        next="check the name; something other than a registry may have answered",
    )


def limited(host: str, wait: float | None, patience: float) -> Problem:
    """Return the problem of a rate limit that is not waited for; ``wait`` is what the registry asks for, if it says."""
    asked = f"it asks to wait {lasting(wait)}" if wait is not None else "it does not say how long it wants to wait"
    return Problem(
        f"{host} limits the number of requests",
        why=f"{asked}; bakegen waits {lasting(patience)} at most, and asks three times",
        next=f"log in (`{login_command(host)}`), which raises the limit on most registries; or name a mirror, or wait",
    )


def busy(host: str, wait: float, patience: float) -> Problem:
    """Return the problem of a registry that is down and asks for more patience than there is."""
    return Problem(
        f"{host} is not available for {lasting(wait)}, it says",
        why=f"bakegen waits {lasting(patience)} at most",
        next="try again then, or name a mirror",
    )


def refused(name: str, host: str, answer: Answer, *, logged_in: bool) -> Problem:
    """Return the problem of an answer 401 or 403."""
    known = "docker's login for it is not accepted" if answer.status == UNAUTHORIZED else "this user may not read it"
    who = known if logged_in else "nobody is logged in there"
    hub = ", and Docker Hub gives this answer for a repository that does not exist" if _hub(host) else ""
    return Problem(
        f"{host} refuses {name}",
        why=f"{who}{hub}{_said(answer)}",
        next=f"check the name; `{login_command(host)}` with a user who may read it",
    )


def wrong_password(host: str, answer: Answer) -> Problem:
    """Return the problem of credentials that a registry's token service does not accept."""
    return Problem(
        f"{host} refuses the user name or password that docker has for it",
        why=f"its token service answers {answer.status}{_said(answer)}",
        next=f"log in anew: `{login_command(host)}`",
    )


def unsafe_realm(host: str, realm: str) -> Problem:
    """Return the problem of a registry with TLS that wants passwords sent without."""
    return Problem(
        f"{host} wants the password sent without TLS, to {printable(realm)}",
        why="anybody on the way could read it; it was not sent",
        next="ask who runs the registry to give its token service TLS",
    )


def unknown_login(host: str, schemes: str) -> Problem:
    """Return the problem of a way to log in that docker has not either."""
    return Problem(
        f"{host} asks for a way to log in that bakegen does not know: {printable(schemes) or 'it names none'}",
        why="registries use Basic or Bearer: https://distribution.github.io/distribution/spec/auth/token/",
        next="check the name; a proxy may have answered in the registry's place",
    )


def no_token(host: str, answer: Answer) -> Problem:
    """Return the problem of a token service that gives none."""
    return Problem(
        f"the token service of {host} gives no token",
        why=f"it answers {answer.status}{_said(answer)}",
        next="try again later; if it stays, tell who runs the registry",
    )


def missing(name: str, host: str, answer: Answer) -> NotFound:
    """Return the error for an answer 404: the registry's code tells a tag from a repository."""
    code = _error(answer)[0]
    what = "repository" if code == "NAME_UNKNOWN" else "tag or digest" if code == "MANIFEST_UNKNOWN" else "image"
    return NotFound(
        Problem(
            f"{host} has no such {what}: {name}",
            why=_said(answer).removeprefix("; "),
            next="check the spelling of name and tag",
        )
    )


def unexpected(name: str, host: str, answer: Answer) -> Problem:
    """Return the problem of any other answer."""
    if "HTTPS server" in answer.body[:200].decode(errors="replace"):
        return Problem(
            f"{host} speaks TLS, and was asked without",
            why="it is listed as a registry without TLS, or is on this machine",
            next=f"take `plain_http` away from {host}, or give it another name than localhost",
        )
    return Problem(
        f"{host} answers {answer.status} when asked for {name}",
        why=_said(answer).removeprefix("; "),
        next="try again later; if it stays, tell who runs the registry",
    )


def lasting(seconds: float) -> str:
    """Return a time as a person says it: ``40 s``, ``12 min``, ``6 h``."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3600:.0f} h"


def login_command(host: str) -> str:
    """Return the command that logs a user in."""
    return "docker login" if _hub(host) else f"docker login {host}"


def _hub(host: str) -> bool:
    return host == HUB or host.endswith(f".{HUB}")


def _error(answer: Answer) -> tuple[str, str]:
    """Return code and message of the registry's first error, as far as it sent them.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes; token services send ``details``.
    """
    try:
        content = json.loads(answer.body)
        first = content["errors"][0] if content.get("errors") else {"message": content.get("details")}
        return printable(str(first.get("code") or "")), printable(str(first.get("message") or ""))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "", ""


def _said(answer: Answer) -> str:
    """Return what the registry said itself, as the tail of a sentence."""
    said = ": ".join(part for part in _error(answer) if part)
    return f"; it says {said}" if said else ""
