"""One question to the Docker engine's HTTP API, asked through the docker client, so that contexts, ssh and TLS hold.

`docker system dial-stdio` joins its stdin and stdout to the engine's socket; docker's own ssh helper relies on it
(https://github.com/docker/cli/blob/master/cli/command/system/dial_stdio.go).
"""

from __future__ import annotations

import io
import subprocess
import sys
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from threading import Timer
from typing import TYPE_CHECKING, cast

from bakegen.engine.process import spawn_options

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

VERSION = "v1.44"  # of Docker 25; Docker 29 answers nothing older


def get(docker_cmd: Sequence[str], path: str, *, timeout: float = 30.0) -> bytes | None:
    """Return the body of the answer to a GET, or None when there is none with status 200 within ``timeout`` seconds."""
    request = f"GET /{VERSION}{path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".encode()
    try:
        dial = subprocess.Popen(
            (*docker_cmd, "system", "dial-stdio"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **spawn_options(sys.platform),
        )
    except OSError:
        return None
    watch = Timer(timeout, dial.kill)
    watch.start()
    try:
        return _exchange(dial, request)
    except (OSError, HTTPException):
        return None
    finally:
        watch.cancel()
        dial.kill()
        dial.wait()


def _exchange(dial: subprocess.Popen[bytes], request: bytes) -> bytes | None:
    """Send the request and read the answer; stdin stays open meanwhile, because the engine takes its end for a cancel."""
    with dial:
        stdin, stdout = dial.stdin, dial.stdout
        if not (stdin and stdout):
            return None
        stdin.write(request)
        stdin.flush()
        raw = stdout.read()
    response = HTTPResponse(cast("socket.socket", _Answer(raw)))
    response.begin()
    return response.read() if response.status == HTTPStatus.OK else None


class _Answer:
    """What HTTPResponse wants of a socket: the bytes, as a file."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._raw)
