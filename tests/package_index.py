"""A package index that forbids HTTP caching, and an HTTP proxy for apt; both count what leaves them."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Traffic:
    """Bytes that were sent, by kind of file."""

    wheels: int = 0
    debs: int = 0
    pages: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, size: int) -> None:
        """Count one answer."""
        kind = "wheels" if path.endswith(".whl") else "debs" if path.endswith(".deb") else "pages"
        with self.lock:
            setattr(self, kind, getattr(self, kind) + size)

    def reset(self) -> None:
        """Start counting anew."""
        self.wheels = self.debs = self.pages = 0


def wheel(name: str, version: str, requires: tuple[str, ...] = (), *, size: int = 200_000) -> tuple[str, bytes]:
    """Return file name and bytes of a pure Python wheel with a payload that does not compress."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {r}\n" for r in requires)
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(),
        f"{name}/payload.bin": random.Random(name + version).randbytes(size),  # noqa: S311 - not a secret
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@contextmanager
def serve(address: str, wheels: dict[str, bytes]) -> Iterator[tuple[str, Traffic]]:
    """Serve ``wheels`` as a simple index and proxy plain HTTP, on a free port of ``address``.

    Yields ``http://address:port`` and the count. https://peps.python.org/pep-0503/
    """
    traffic = Traffic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("http://"):
                status, body = _forward(self.path)
            else:
                status, body = _answer(self.path, wheels)
            if status == HTTPStatus.OK:
                traffic.add(self.path, len(body))
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
            """Keep quiet."""

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}", traffic
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(path: str, wheels: dict[str, bytes]) -> tuple[int, bytes]:
    parts = path.strip("/").split("/")
    if parts[0] == "files" and parts[-1] in wheels:
        return HTTPStatus.OK, wheels[parts[-1]]
    if parts[0] == "simple" and len(parts) > 1:
        name = parts[1].replace("-", "_")
        found = [file for file in wheels if file.split("-")[0] == name]
        links = "".join(f'<a href="/files/{f}#sha256={hashlib.sha256(wheels[f]).hexdigest()}">{f}</a>\n' for f in found)
        return (HTTPStatus.OK, f"<!DOCTYPE html><html><body>{links}</body></html>".encode()) if found else (HTTPStatus.NOT_FOUND, b"")
    return HTTPStatus.NOT_FOUND, b""


def _forward(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wheel_file(path: Path) -> tuple[str, bytes]:
    """Return a wheel on disk as the index takes it."""
    return path.name, path.read_bytes()
