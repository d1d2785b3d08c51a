"""TLS as docker does it, and proxies as Go's programs find them: what works for docker works here."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bakegen.errors import Problem, RegistryError, Where

CERTS = Path("/etc/docker/certs.d")


def context(directory: Path) -> ssl.SSLContext:
    """Return the trust of the system, or of SSL_CERT_FILE, with what ``directory`` adds for one host.

    ``*.crt`` are CAs, ``NAME.cert`` and ``NAME.key`` identify this client:
    https://docs.docker.com/engine/security/certificates/. Raises RegistryError for files that cannot be used.
    """
    made = ssl.create_default_context()
    # From Python 3.13 on this is strict about extensions that company CAs often lack, and that Go does without.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        files = sorted(directory.iterdir()) if directory.is_dir() else []
    except OSError:  # not this user's to read, as for docker's client
        files = []
    for path in files:
        if path.suffix == ".crt":
            _load(path, lambda path=path: made.load_verify_locations(path))  # type: ignore[misc]
        elif path.suffix == ".cert":
            key = path.with_suffix(".key")
            _load(path, lambda path=path, key=key: made.load_cert_chain(path, key))  # type: ignore[misc]
    return made


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine, which docker asks without TLS.

    https://docs.docker.com/reference/cli/dockerd/#insecure-registries
    """
    name = hostname(host)
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def hostname(host: str) -> str:
    """Return a host without port and brackets."""
    return urlsplit(f"//{host}").hostname or host


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment (on Windows and macOS: the system) has for an address.

    This machine is never asked through a proxy, and NO_PROXY may hold networks such as 10.0.0.0/8, both as in
    https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
    """
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_loopback(parts.netloc) or proxy_bypass(parts.netloc):
        return None
    if _in_network(parts.hostname or "", proxies.get("no", "")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _in_network(name: str, excepted: str) -> bool:
    for entry in excepted.split(","):
        try:
            if ipaddress.ip_address(name) in ipaddress.ip_network(entry.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False


def _load(path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except OSError as error:
        raise RegistryError(
            Problem(
                "a certificate for docker cannot be used",
                where=Where(str(path)),
                why=error.strerror or str(error),
                next="NAME.cert needs NAME.key beside it, both PEM and readable; *.crt are CAs in PEM",
            )
        ) from error
