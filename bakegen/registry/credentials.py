"""Who to be at a registry: docker's config file, its credential helpers and DOCKER_AUTH_CONFIG, by docker's rules.

https://docs.docker.com/reference/cli/docker/login/
GetCredentialsStore in https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bakegen.errors import Problem, RegistryError, Where
from bakegen.refs import HUB
from bakegen.registry.once import Once

#: The name of Docker Hub in credential stores, from the days of its first API.
HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Login:
    """What identifies a user: a name and a password, or a token. It prints without its secrets."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """Buys tokens for single repositories (OAuth2)."""
    registry_token: str = field(default="", repr=False)
    """Is sent to the registry as it is."""

    @classmethod
    def from_helper(cls, username: str, secret: str) -> Login | None:
        """Return what a credential helper's answer means; None where it is empty.

        https://github.com/docker/docker-credential-helpers: the user name ``<token>`` marks an identity token.
        """
        if username == "<token>":
            return cls(identity_token=secret) if secret else None
        return cls(username, secret) if username else None


class Credentials:
    """The logins that docker knows. Each host is looked up once, by whichever thread is first."""

    def __init__(
        self,
        config: Mapping[str, Any] = _NOTHING,
        helper: Callable[[str, str], Login | None] = lambda _name, _server: None,
        *,
        overrides: Mapping[str, Any] = _NOTHING,
        source: str = "config.json",
    ) -> None:
        """Take docker's configuration, what asks the helper NAME for a server, and the content of DOCKER_AUTH_CONFIG.

        ``source`` is the configuration's file, for errors.
        """
        self._config = config
        self._helper = helper
        self._overrides = overrides
        self._source = source
        self._logins: Once[str, Login | None] = Once()

    def for_host(self, host: str) -> Login | None:
        """Return the login for a registry such as ``docker.io`` or ``localhost:5000``; None: nobody is logged in.

        DOCKER_AUTH_CONFIG goes before everything, a helper for this host before the store for all, and both before
        what stands in the file itself. Raises RegistryError when the configuration is damaged or a helper fails.
        """
        wanted = _host(host)
        return self._logins.get(wanted, lambda: self._look_up(wanted))

    def _look_up(self, host: str) -> Login | None:
        found = self._written(self._overrides, host, "DOCKER_AUTH_CONFIG")
        if found:
            return found
        helpers = self._section(self._config, "credHelpers", self._source)
        name = _match(helpers, host) or self._config.get("credsStore")
        if name:
            found = self._helper(str(name), HUB_KEY if host == HUB else host)
        return found or self._written(self._config, host, self._source)

    def _written(self, config: Mapping[str, Any], host: str, source: str) -> Login | None:
        entry = _match(self._section(config, "auths", source), host)
        if not entry:
            return None
        if not isinstance(entry, Mapping):
            raise RegistryError(_damaged(source, f"auths: the entry for {host} is not an object"))
        username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if entry.get("auth"):
            username, password = _decoded(str(entry["auth"]), host, source)
        identity, token = (str(entry.get(key) or "").strip() for key in ("identitytoken", "registrytoken"))
        if not re.fullmatch(r"[\x21-\x7e]*", token):
            raise RegistryError(_damaged(source, f"auths: `registrytoken` of {host} cannot stand in a header"))
        return Login(username, password, identity, token) if username or identity or token else None

    @staticmethod
    def _section(config: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
        section = config.get(name) or {}
        if not isinstance(section, Mapping):
            raise RegistryError(_damaged(source, f"{name} is not an object"))
        return section


def _match(section: Mapping[str, Any], host: str) -> object:
    """Return what a section has for a host: under docker's own key, else under any address on that host."""
    for key in (HUB_KEY if host == HUB else host, *section):
        if key in section and _host(key) == host:
            return section[key]
    return None


def _host(address: str) -> str:
    """Return the host, with its port, of an address such as ``https://host:5000/v1/``; every name of Hub is one."""
    host = address.partition("://")[2] or address
    host = host.partition("/")[0].lower()
    return HUB if host in _HUB_HOSTS else host


def _decoded(auth: str, host: str, source: str) -> tuple[str, str]:
    """Return user name and password of ``auth``: base64 of both with a colon between."""
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon or not username:
        # The value is a password: neither it nor the decoder's complaint is shown.
        problem = _damaged(source, f"auths: `auth` of {host} is not base64 of USER:PASSWORD")
        raise RegistryError(problem) from None
    return username, password.strip("\0")


def _damaged(source: str, why: str) -> Problem:
    return Problem(
        "docker's credentials cannot be read",
        where=Where(source),
        why=why,
        next="log in anew with `docker login`, or mend the entry by hand",
    )
