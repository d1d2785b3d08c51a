"""The real docker-registry for tests, on a free port of 127.0.0.1: open, with passwords, or with tokens.

    with docker_registry(prefix, tmp_path, auth="token") as registry:
        digest = registry.push("team/image", "1", index({...}), blobs...)
        registry.host, registry.user, registry.password, registry.identity_token

The token service is ours, in this process; openssl makes its key and signs.
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import urllib3

from tests.registries import OCI_INDEX, digest_of

USER, PASSWORD, IDENTITY = "me", "over the wire", "1dentity"
# of PASSWORD, by bcrypt with 16 rounds
HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuu4tSYDC358Aw1R28m23.PMW96xtaSJJS\n"
ISSUER, SERVICE = "tests", "registry of the tests"
PATIENCE = 200  # looks, 0.05 s apart


@dataclass(frozen=True, slots=True)
class RealRegistry:
    """A docker-registry that runs."""

    host: str
    log: Path
    """One line for each request, in Apache's form."""
    auth: str | None = None
    service: TokenService | None = None

    def push(self, repository: str, tag: str, body: bytes, media_type: str = OCI_INDEX) -> str:
        """Store a manifest, all that it refers to having been pushed; return its digest."""
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", body, {"Content-Type": media_type}, repository)
        return digest_of(body)

    def push_blob(self, repository: str, body: bytes) -> str:
        """Store a blob; return its digest."""
        begun = self._send("POST", f"/v2/{repository}/blobs/uploads/", b"", {}, repository)
        to = f"{begun['Location']}&digest={digest_of(body)}"
        self._send("PUT", to.removeprefix(f"http://{self.host}"), body, {}, repository)
        return digest_of(body)

    def count(self, part: str) -> int:
        """Return in how many requests so far this occurs, such as ``HEAD /v2/team``."""
        return sum(part in line for line in self.log.read_text().splitlines())

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str], repository: str) -> Any:  # noqa: ANN401
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        access = self.service.token(f"repository:{repository}:pull,push") if self.service else ""
        who = {"Authorization": f"Bearer {access}" if access else f"Basic {pair}"}
        answer = urllib3.request(method, f"http://{self.host}{path}", body=body, headers={**headers, **who})
        assert answer.status < 300, answer.data
        return answer.headers


@contextmanager
def docker_registry(prefix: Path, home: Path, auth: str | None = None) -> Iterator[RealRegistry]:
    """Run the registry that is unpacked below ``prefix``, with its files in ``home``; auth: None, "basic" or "token"."""
    home.mkdir(parents=True, exist_ok=True)
    service = TokenService(home) if auth == "token" else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = home / "config.json"
    config.write_text(json.dumps(_config(host, home, auth, service)))  # JSON is YAML
    log = home / "log"
    with log.open("wb") as out:
        argv: list[str | Path] = [prefix / "usr/bin/docker-registry", "serve", config]
        env = {"OTEL_TRACES_EXPORTER": "none"}  # version 3 would look for a collector
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=env)
    try:
        _wait(host, process, log)
        yield RealRegistry(host, log, auth, service)
    finally:
        process.kill()
        process.wait()
        if service:
            service.close()


def _config(host: str, home: Path, auth: str | None, service: TokenService | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}},
        "http": {"addr": host},
    }
    if auth == "basic":
        (home / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests, and nothing else", "path": str(home / "htpasswd")}}
    elif service:
        bundle = {"issuer": ISSUER, "service": SERVICE, "rootcertbundle": str(service.certificate)}
        config["auth"] = {"token": {"realm": service.realm, **bundle}}
    return config


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(PATIENCE):
        assert process.poll() is None, log.read_text()
        with suppress(OSError):
            connection = http.client.HTTPConnection(host, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            finally:
                connection.close()
            return
        time.sleep(0.05)
    raise AssertionError(f"the registry does not answer: {log.read_text()}")


class TokenService:
    """Gives tokens to USER, for PASSWORD or IDENTITY: https://distribution.github.io/distribution/spec/auth/jwt/."""

    def __init__(self, home: Path) -> None:
        """Make a key and serve."""
        openssl = shutil.which("openssl")
        assert openssl, "openssl signs the tokens of these tests"
        self._openssl = openssl
        self._key = home / "key.pem"
        self.certificate = home / "cert.pem"
        files: list[str | Path] = ["-keyout", self._key, "-out", self.certificate]
        kind = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={ISSUER}", "-days", "2"]
        subprocess.run([openssl, "req", "-x509", *kind, *files], check=True, capture_output=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_TokenHandler,), {"service": self}))
        self.realm = f"http://127.0.0.1:{self._server.server_port}/token"
        self.asked: list[str] = []
        """Method and scope of each request."""
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token(self, scope: str) -> str:
        """Return a token that is good for a scope for five minutes."""
        kind, name, actions = scope.split(":")
        now = int(time.time())
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        times = {"iat": now, "nbf": now - 10, "exp": now + 300}
        pem = self.certificate.read_text().replace("\n", "")
        chain = [pem.removeprefix("-----BEGIN CERTIFICATE-----").removesuffix("-----END CERTIFICATE-----")]
        claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "jti": str(now), "access": access, **times}
        signed = b".".join(
            _text(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "RS256", "x5c": chain}, claims)
        )
        command: list[str | Path] = [self._openssl, "dgst", "-sha256", "-sign", self._key]
        signature = subprocess.run(command, input=signed, check=True, capture_output=True).stdout
        return (signed + b"." + _text(signature)).decode()


def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class _TokenHandler(BaseHTTPRequestHandler):
    service: ClassVar[TokenService]

    def do_GET(self) -> None:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        query = dict(parse_qsl(urlsplit(self.path).query))
        self._answer("token", query, allowed=self.headers.get("Authorization") == f"Basic {pair}")

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        allowed = form.get("grant_type") == "refresh_token" and form.get("refresh_token") == IDENTITY
        self._answer("access_token", form, allowed=allowed)

    def _answer(self, name: str, wanted: dict[str, str], *, allowed: bool) -> None:
        self.service.asked.append(f"{self.command} {wanted.get('scope')}")
        good = allowed and wanted.get("service") == SERVICE
        content = {name: self.service.token(wanted["scope"])} if good else {"details": "incorrect username or password"}
        self.send_response(200 if good else 401)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
        """Keep quiet."""
