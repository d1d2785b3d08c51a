"""One exchange with a server, from connecting to the last byte, that ends in time and gives no secret away."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from bakegen.errors import Problem, RegistryError
from bakegen.registry import problems, tls
from bakegen.registry.deadline import Deadline, Pool, TLSPool
from bakegen.registry.failures import unanswered
from bakegen.registry.manifests import LARGEST, printable
from bakegen.registry.problems import Answer, Unanswered

REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server. It prints without its headers and body, which hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The server, with a port if one is given."""
        return urlsplit(self.url).netloc

    def redirected(self, location: str) -> Request:
        """Return the request for where a server points to, without credentials when that is another server.

        Raises RegistryError where TLS would be lost on the way.
        """
        old, new = split(self.url), split(location, self.url)
        url = new.geturl()
        if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme == "http"):
            raise RegistryError(_misled(self.host, url))
        if (old.scheme, old.netloc) == (new.scheme, new.netloc):
            return replace(self, url=url)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        return replace(self, url=url, headers=headers)


def split(url: str, base: str = "") -> SplitResult:
    """Return the parts of an address that a server sent, which may lack what ``base`` has; all empty if it is none."""
    try:
        return urlsplit(urljoin(base, url))
    except ValueError:
        return urlsplit("")


class Transport:
    """Connections to servers, kept for the next request. Usable from several threads; close it at the end."""

    def __init__(self, *, plain_http: Collection[str] = (), timeout: float = 20, certs: Path = tls.CERTS) -> None:
        """Take the hosts without TLS, the seconds for one exchange, and docker's directory of certificates."""
        self._plain_http = frozenset(plain_http)
        self._timeout = timeout
        self._certs = certs
        self._managers: dict[tuple[str, str | None, Path], urllib3.PoolManager] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def origin(self, host: str) -> str:
        """Return the address of a registry: ``https://`` and its host, ``http://`` where TLS is not expected."""
        return f"{'http' if host in self._plain_http or tls.is_loopback(host) else 'https'}://{host}"

    def send(self, request: Request) -> Answer:
        """Return the server's answer, whatever its status; redirects of GET and HEAD are followed.

        Raises Unanswered where there is none in time, and RegistryError where there is one that must not be taken.
        """
        with Deadline(self._timeout) as deadline:
            for _ in range(REDIRECTS + 1):
                answer = self._exchange(request, deadline)
                location = answer.headers.get("Location")
                if answer.status not in _MOVED or not location or request.method == "POST":
                    return answer
                request = request.redirected(location)
        raise RegistryError(_lost(request.host))

    def _exchange(self, request: Request, deadline: Deadline) -> Answer:
        half = self._timeout / 2  # silence for so long is asked about again; what only drips is not
        response: urllib3.BaseHTTPResponse | None = None
        try:
            response = self._manager(request.url).request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=half, read=half),
            )
            body = self._body(response, request.host)
            if deadline.expired:
                raise Unanswered(problems.slow(request.host, self._timeout), transient=False)
            response.release_conn()
            return Answer(request.url, response.status, response.headers, body)
        except (exceptions.HTTPError, OSError) as error:
            if deadline.expired:
                raise Unanswered(problems.slow(request.host, self._timeout), transient=False) from None
            # The library's error names address and headers of the request: it is not chained.
            raise unanswered(request.host, error, half) from None
        finally:
            if response is not None and response.connection is not None:  # not given back: not read to its end
                response.close()

    @staticmethod
    def _body(response: urllib3.BaseHTTPResponse, host: str) -> bytes:
        body = response.read(LARGEST + 1, decode_content=True) or b""
        if len(body) > LARGEST:
            raise RegistryError(problems.overlong(host, LARGEST))
        return body

    def _manager(self, url: str) -> urllib3.PoolManager:
        """Return the pools for an address: one set for each proxy and each directory of certificates."""
        parts, proxy = urlsplit(url), tls.proxy_for(url)
        certs = self._certs / parts.netloc
        key = (parts.scheme, proxy, certs if certs.is_dir() else self._certs)
        with self._lock:
            if key not in self._managers:
                secure = "https" in (parts.scheme, (proxy or "").partition(":")[0])
                self._managers[key] = _manager(proxy, tls.context(certs) if secure else None)
            return self._managers[key]


def _manager(proxy: str | None, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {"maxsize": 16, "num_pools": 64}
    if context:
        options["ssl_context"] = context
    manager: urllib3.PoolManager
    if proxy is None:
        manager = urllib3.PoolManager(**options)
    else:
        parts = urlsplit(proxy)
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=user) if user else None
        try:
            manager = urllib3.ProxyManager(
                address.geturl(), proxy_headers=headers, proxy_ssl_context=context, **options
            )
        except exceptions.ProxySchemeUnknown:
            raise RegistryError(_unknown_proxy(address.geturl())) from None
    manager.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}
    return manager


def _misled(host: str, url: str) -> Problem:
    return Problem(
        f"{host} leads to where bakegen does not follow: {printable(url.partition('?')[0]) or 'no address'}",
        why="it is no address, or one without TLS, where answers can be changed on the way",
        next="tell who runs the registry",
    )


def _lost(host: str) -> Problem:
    return Problem(f"{host} leads in circles", why=f"more than {REDIRECTS} redirects", next="tell who runs it")


def _unknown_proxy(address: str) -> Problem:
    return Problem(
        f"a proxy of this kind cannot be used: {address}",
        why="bakegen knows proxies that begin with http:// or https://",
        next="set HTTPS_PROXY to such a proxy, or the registry's host in NO_PROXY",
    )
