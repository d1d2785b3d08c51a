"""A package index that forbids HTTP caching, and an HTTP proxy for apt; both count what leaves them.

``python package_index.py DIRECTORY PORT [CACHE-CONTROL]`` runs in a container beside the builds, with nothing but Python.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
import sys
import urllib.error
import urllib.request
import zipfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar


def wheel(name: str, version: str, requires: tuple[str, ...] = (), *, size: int = 200_000) -> tuple[str, bytes]:
    """Return file name and bytes of a pure Python wheel with a payload that does not compress."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires
    )
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


class Handler(BaseHTTPRequestHandler):
    """Answers as a simple index (https://peps.python.org/pep-0503/) and as a proxy; logs ``KIND BYTES`` for each file."""

    protocol_version = "HTTP/1.1"
    wheels: ClassVar[dict[str, bytes]] = {}
    caching: ClassVar[str] = "no-store"

    def do_GET(self) -> None:
        """Answer one request and count its bytes."""
        body = self._answer()
        self.wfile.write(body)
        kind = "wheels" if self.path.endswith(".whl") else "debs" if self.path.endswith(".deb") else "pages"
        sys.stdout.write(f"{kind} {len(body)}\n")
        sys.stdout.flush()

    def do_HEAD(self) -> None:
        """Answer without a body, which counts nothing."""
        self._answer()

    def _answer(self) -> bytes:
        status, body = _forward(self.path) if self.path.startswith("http://") else _answer(self.path, self.wheels)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", self.caching)
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's signature
        """Keep quiet: what counts is on stdout."""


def count(log: str) -> dict[str, int]:
    """Return the bytes of each kind that a log of the server shows."""
    totals = {"wheels": 0, "debs": 0, "pages": 0}
    for line in log.splitlines():
        kind, _, size = line.partition(" ")
        totals[kind] += int(size)
    return totals


def _answer(path: str, wheels: dict[str, bytes]) -> tuple[int, bytes]:
    parts = path.strip("/").split("/")
    if parts[0] == "files" and parts[-1] in wheels:
        return HTTPStatus.OK, wheels[parts[-1]]
    if parts[0] == "files" and parts[-1].removesuffix(".metadata") in wheels:
        return HTTPStatus.OK, _metadata(wheels[parts[-1].removesuffix(".metadata")])
    if parts[0] == "simple" and len(parts) > 1:
        name = parts[1].replace("-", "_")
        found = [file for file in wheels if file.split("-")[0] == name]
        links = "".join(
            f'<a href="/files/{f}#sha256={hashlib.sha256(wheels[f]).hexdigest()}" data-core-metadata="true">{f}</a>\n'
            for f in found
        )
        return (
            (HTTPStatus.OK, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
            if found
            else (HTTPStatus.NOT_FOUND, b"")
        )
    return HTTPStatus.NOT_FOUND, b""


def _metadata(wheel: bytes) -> bytes:
    """Return the metadata that PyPI has beside each wheel (https://peps.python.org/pep-0658/).

    Without it, and without range requests, uv reads a wheel once for its metadata and once more to install it.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))


def _forward(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def main(directory: Path, port: int, caching: str = "no-store") -> None:
    """Serve the wheels of a directory until the process is ended."""
    Handler.caching = caching
    Handler.wheels = {path.name: path.read_bytes() for path in directory.glob("*.whl")}
    ThreadingHTTPServer(("0.0.0.0", port), Handler).serve_forever()  # noqa: S104 - inside a container


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
