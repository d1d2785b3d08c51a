"""A registry for tests, in this process, that can be told to misbehave (docker_registry.py starts the real one).

with FakeRegistry() as registry:
    digest = registry.put("library/python", "3.11-slim", index({"linux/amd64": b"amd64"}))
    registry.fault(status=429, headers={"Retry-After": "2"})
    ...
    assert registry.count("HEAD", "/manifests/") == 1
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
PAGE = 100  # tags, when a client names no number


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def index(platforms: Mapping[str, bytes], media_type: str = OCI_INDEX, *, attestations: bool = False) -> bytes:
    """Return the bytes of an index whose images, by platform, are the given bytes."""
    image = OCI_IMAGE if media_type == OCI_INDEX else DOCKER_IMAGE
    entries: list[dict[str, Any]] = []
    for platform, body in platforms.items():
        names = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        entries.append({"mediaType": image, "digest": digest_of(body), "size": len(body), "platform": names})
        if attestations:
            notes = {
                "vnd.docker.reference.digest": digest_of(body),
                "vnd.docker.reference.type": "attestation-manifest",
            }
            unknown = {"os": "unknown", "architecture": "unknown"}
            proof = digest_of(b"attestation of " + body)
            entries.append({"mediaType": image, "digest": proof, "size": 9, "platform": unknown, "annotations": notes})
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


def image(config: bytes = b"{}", media_type: str = OCI_IMAGE) -> bytes:
    """Return the bytes of an image's manifest with a config and no layers."""
    entry = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": len(config)}
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": entry, "layers": []}).encode()


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next requests that match."""

    match: str = ""
    """A part of ``METHOD /path``."""
    status: int = 0
    """Answer this in place of what is there."""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """Set these; None takes a header away."""
    body: bytes | None = None
    cut: int | None = None
    """Send so many bytes of the body, then hang up."""
    drip: float = 0
    """Seconds before each byte of the whole answer."""
    silence: float = 0
    """Seconds before the answer begins."""
    hang_up: bool = False
    """Close the connection without a word."""
    times: int = 1


class FakeRegistry:
    """A registry on a free port of 127.0.0.1, kept in memory.

    ``auth`` is None, "basic" or "bearer" (a token service of its own at ``/token``); ``users`` maps names to
    passwords, ``identity_tokens`` names to refresh tokens. Anonymous tokens are good for nothing.
    """

    def __init__(
        self,
        *,
        auth: str | None = None,
        users: Mapping[str, str] | None = None,
        identity_tokens: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take a port; nothing answers before the block is entered."""
        self.auth = auth
        self.users = dict(users or {})
        self.identity_tokens = dict(identity_tokens or {})
        self.realm = ""
        """Address of the token service, if it is another one's."""
        self.requests: list[Seen] = []
        self.tokens: dict[str, str] = {}
        """Tokens that were given out, and what for."""
        self._manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._tags: dict[str, list[str]] = {}
        self._blobs: dict[str, bytes] = {}
        self._faults: list[Fault] = []
        self._numbers = count()
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": self}))
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up in these tests
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        """The host and port, as in a reference."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"{self._scheme}://{self.host}"

    def put(self, repository: str, tag: str, body: bytes, media_type: str = OCI_INDEX) -> str:
        """Store a manifest under a tag and its digest; return the digest."""
        digest = digest_of(body)
        for reference in (tag, digest):
            self._manifests[repository, reference] = (media_type, body)
        if tag not in self._tags.setdefault(repository, []):
            self._tags[repository].append(tag)
        return digest

    def put_blob(self, body: bytes) -> str:
        """Store a blob, such as an image's config; return its digest."""
        self._blobs[digest_of(body)] = body
        return digest_of(body)

    def fault(self, match: str = "", **what: Any) -> None:  # noqa: ANN401 - the fields of Fault
        """Let the next requests that match go wrong; faults that match the same are used up in their order."""
        self._faults.append(Fault(match, **what))

    def count(self, method: str = "", part: str = "") -> int:
        """Return how many requests there were with this method, and this in their path."""
        with self._lock:
            return sum(method in ("", seen.method) and part in seen.path for seen in self.requests)

    def note(self, seen: Seen) -> Fault | None:
        """Write down a request; return what is to go wrong with it."""
        with self._lock:
            self.requests.append(seen)
            fault = next((f for f in self._faults if f.times and f.match in f"{seen.method} {seen.path}"), None)
            if fault:
                fault.times -= 1
            return fault

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a request, without faults."""
        path = urlsplit(seen.path).path
        if path == "/token":
            return self._token(seen)
        if self.auth and not self._allowed(seen):
            return 401, {"WWW-Authenticate": self._challenge(path)}, _errors("UNAUTHORIZED", "authentication required")
        if path in ("/v2", "/v2/"):
            return 200, {}, b"{}"
        repository, _, rest = path.removeprefix("/v2/").rpartition("/tags/list")
        if repository and not rest:
            return self._list(repository, dict(parse_qsl(urlsplit(seen.path).query)))
        for kind in ("manifests", "blobs"):
            repository, found, reference = path.removeprefix("/v2/").rpartition(f"/{kind}/")
            if found:
                return self._manifest(repository, reference) if kind == "manifests" else self._blob(reference)
        return 404, {}, b"404 page not found\n"

    def _manifest(self, repository: str, reference: str) -> tuple[int, dict[str, str], bytes]:
        stored = self._manifests.get((repository, reference))
        if stored:
            media_type, body = stored
            return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(body)}, body
        code = "MANIFEST_UNKNOWN" if repository in self._tags else "NAME_UNKNOWN"
        return 404, {"Content-Type": "application/json"}, _errors(code, code.lower().replace("_", " "))

    def _blob(self, digest: str) -> tuple[int, dict[str, str], bytes]:
        body = self._blobs.get(digest)
        return (404, {}, _errors("BLOB_UNKNOWN", "blob unknown")) if body is None else (200, {}, body)

    def _list(self, repository: str, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if repository not in self._tags:
            return 404, {}, _errors("NAME_UNKNOWN", "repository name not known to registry")
        tags = sorted(self._tags[repository])
        begin = tags.index(query["last"]) + 1 if "last" in query else 0
        page = tags[begin : begin + min(int(query.get("n", PAGE)), PAGE)]
        more = begin + len(page) < len(tags)
        link = {"Link": f'</v2/{repository}/tags/list?last={page[-1]}&n={PAGE}>; rel="next"'} if more else {}
        return 200, link, json.dumps({"name": repository, "tags": page}).encode()

    def _challenge(self, path: str) -> str:
        if self.auth == "basic":
            return 'Basic realm="fake, not real"'
        repository = path.removeprefix("/v2/").partition("/manifests/")[0].partition("/tags/")[0]
        scope = f',scope="repository:{repository}:pull,push"' if repository else ""
        return f'Bearer realm="{self.realm or self.url + "/token"}",service="fake"{scope}'

    def _allowed(self, seen: Seen) -> bool:
        scheme, _, value = seen.headers.get("Authorization", "").partition(" ")
        if self.auth == "basic":
            return scheme == "Basic" and self._is_user(value)
        scope = self.tokens.get(value, "")
        path = urlsplit(seen.path).path
        return scheme == "Bearer" and (
            path == "/v2/" or path.startswith(f"/v2/{scope.split(':')[1]}/") if scope else False
        )

    def _is_user(self, pair: str) -> bool:
        with suppress(ValueError):
            name, _, password = base64.b64decode(pair).decode().partition(":")
            return self.users.get(name, None) == password
        return False

    def _token(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if seen.method == "POST":
            form = {key: values[0] for key, values in parse_qs(seen.body.decode()).items()}
            known = form.get("refresh_token") in self.identity_tokens.values()
            name = "access_token"
        else:
            form = dict(parse_qsl(urlsplit(seen.path).query))
            known = self._is_user(seen.headers.get("Authorization", "").removeprefix("Basic "))
            name = "token"
            if not known and "Authorization" not in seen.headers:
                return 200, {}, json.dumps({name: "anonymous"}).encode()
        if not known or form.get("service") != "fake":
            return 401, {}, json.dumps({"details": "incorrect username or password"}).encode()
        with self._lock:
            token = f"token-{next(self._numbers)}"
            self.tokens[token] = form["scope"]
        return 200, {}, json.dumps({name: token}).encode()


def _errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[FakeRegistry]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, {name.title(): value for name, value in self.headers.items()}, body)
        fault = self.registry.note(seen) or Fault()
        if fault.hang_up:
            self.close_connection = True
            return
        time.sleep(fault.silence)
        status, headers, content = self.registry.answer(seen)
        if fault.status:
            status, headers, content = fault.status, {}, b""
        content = content if fault.body is None else fault.body
        headers = {"Content-Length": str(len(content)), **headers}
        self._send(status, {**headers, **fault.headers}, b"" if seen.method == "HEAD" else content, fault)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names that the server looks for

    def _send(self, status: int, headers: Mapping[str, str | None], content: bytes, fault: Fault) -> None:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        answer = f"HTTP/1.1 {status} Fake\r\n{head}\r\n".encode() + content[: fault.cut]
        for part in [bytes([b]) for b in answer] if fault.drip else [answer]:
            time.sleep(fault.drip)
            self.wfile.write(part)
        self.close_connection = self.close_connection or fault.cut is not None or headers.get("Content-Length") is None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
        """Keep quiet."""
