"""How a registry wants to know who asks: Basic, or a token of its token service for each repository.

https://distribution.github.io/distribution/spec/auth/token/
https://distribution.github.io/distribution/spec/auth/oauth/
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bakegen.errors import RegistryError
from bakegen.registry import problems
from bakegen.registry.credentials import Credentials, Login
from bakegen.registry.once import Once
from bakegen.registry.problems import FORBIDDEN, UNAUTHORIZED, Answer
from bakegen.registry.transport import Request, split

_OK = 200
_REFUSED = frozenset({UNAUTHORIZED, FORBIDDEN})
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|({_WORD})(?=[\s,]|$)')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a server offers in WWW-Authenticate."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is asked for."""

    name: str
    """The registry as in references and as docker logs in to it: ``docker.io``, or the mirror in its place."""
    origin: str
    """Scheme and host of its API: ``https://registry-1.docker.io``."""
    repository: str
    """The path there, such as ``library/python``."""

    @property
    def scope(self) -> str:
        """What a token has to be good for: https://distribution.github.io/distribution/spec/auth/scope/."""
        return f"repository:{self.repository}:pull"


def challenges(header: str) -> tuple[Challenge, ...]:
    """Return what a WWW-Authenticate header offers, in its order.

    Commas separate offers as well as their parameters, and stand inside quoted ones:
    https://www.rfc-editor.org/rfc/rfc9110#field.www-authenticate.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for name, quoted, plain, scheme in _PART.findall(header):
        if scheme:
            found.append((scheme.lower(), {}))
        elif found:
            found[-1][1][name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or plain
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


class Authorizer:
    """Knows what to send as Authorization, and finds out once per host and once per repository."""

    def __init__(self, credentials: Credentials, ask: Callable[[str, Request], Answer]) -> None:
        """Take the logins, and what asks a server (its name in errors, the request)."""
        self._credentials = credentials
        self._ask = ask
        self._pings: Once[str, Challenge | None] = Once()
        self._learned: dict[str, Challenge] = {}
        self._scopes: dict[Place, str] = {}
        self._tokens: Once[tuple[str, str, str], str] = Once()

    def headers(self, place: Place) -> dict[str, str]:
        """Return the Authorization for a request, as far as one is needed.

        The registry is asked once for what it wants, at ``/v2/``; then each request has its token the first time.
        Raises RegistryError where the registry or its token service refuses or does not answer.
        """
        challenge = self._learned.get(place.origin) or self._pings.get(place.origin, lambda: self._ping(place))
        return self._answer_to(challenge, place) if challenge else {}

    def renewed(self, place: Place, answer: Answer, sent: Mapping[str, str]) -> dict[str, str] | None:
        """Return another Authorization after a request with ``sent`` was answered 401; None where there is no other."""
        challenge = self._chosen(place, answer)
        used = sent.get("Authorization", "").removeprefix("Bearer ")
        self._learned[place.origin] = challenge
        self._scopes[place] = challenge.parameters.get("scope") or place.scope
        self._tokens.forget(_key(challenge, self._scopes[place]), used)
        fresh = self._answer_to(challenge, place)
        return fresh if fresh and fresh != dict(sent) else None

    def logged_in(self, place: Place) -> bool:
        """Whether docker has a login for the place's registry."""
        return self._credentials.for_host(place.name) is not None

    def _ping(self, place: Place) -> Challenge | None:
        """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support."""
        answer = self._ask(place.name, Request("GET", f"{place.origin}/v2/"))
        return self._chosen(place, answer) if answer.status == UNAUTHORIZED else None

    @staticmethod
    def _chosen(place: Place, answer: Answer) -> Challenge:
        header = answer.headers.get("WWW-Authenticate", "")
        offers = {challenge.scheme: challenge for challenge in reversed(challenges(header))}
        for scheme in ("bearer", "basic"):
            if scheme in offers:
                return offers[scheme]
        raise RegistryError(problems.unknown_login(place.name, ", ".join(offers)))

    def _answer_to(self, challenge: Challenge, place: Place) -> dict[str, str]:
        login = self._credentials.for_host(place.name)
        if login and login.registry_token:
            return {"Authorization": f"Bearer {login.registry_token}"}
        if challenge.scheme == "basic":
            return _basic(login)
        scope = self._scopes.get(place, place.scope)
        token = self._tokens.get(_key(challenge, scope), lambda: self._fetch(challenge, place, scope, login))
        return {"Authorization": f"Bearer {token}"}

    def _fetch(self, challenge: Challenge, place: Place, scope: str, login: Login | None) -> str:
        realm = challenge.parameters.get("realm", "")
        parts = split(realm)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RegistryError(problems.unknown_login(place.name, f"Bearer with the realm {realm!r}"))
        if login and parts.scheme == "http" and place.origin.startswith("https:"):
            raise RegistryError(problems.unsafe_realm(place.name, realm))
        answer = self._ask(parts.netloc.rpartition("@")[2], _token_request(challenge, scope, login))
        if answer.status == UNAUTHORIZED and login:
            raise RegistryError(problems.wrong_password(place.name, answer))
        if answer.status in _REFUSED:
            raise RegistryError(problems.refused(place.repository, place.name, answer, logged_in=login is not None))
        token = _token(answer) if answer.status == _OK else ""
        if not token:
            raise RegistryError(problems.no_token(place.name, answer))
        return token


def _key(challenge: Challenge, scope: str) -> tuple[str, str, str]:
    return challenge.parameters.get("realm", ""), challenge.parameters.get("service", ""), scope


def _token_request(challenge: Challenge, scope: str, login: Login | None) -> Request:
    """Return the request for a token: OAuth2 with an identity token, else a GET with Basic or nothing."""
    realm, service, _ = _key(challenge, scope)
    wanted = {"service": service, "scope": scope} if service else {"scope": scope}
    if login and login.identity_token:
        grant = {"grant_type": "refresh_token", "client_id": "bakegen", "refresh_token": login.identity_token}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, form, urlencode(grant | wanted).encode())
    parts = urlsplit(realm)
    query = urlencode([*parse_qsl(parts.query), *wanted.items()])
    return Request("GET", urlunsplit(parts._replace(query=query)), _basic(login))


def _basic(login: Login | None) -> dict[str, str]:
    if login is None or not login.username:
        return {}
    pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _token(answer: Answer) -> str:
    """Return the token in a token service's answer, under either of its two names, fit for a header; else nothing."""
    try:
        content = json.loads(answer.body)
        token = content.get("token") or content.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else ""
