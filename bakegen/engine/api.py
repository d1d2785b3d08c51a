"""Questions to the Docker engine's HTTP API, asked through the docker client, so that contexts, ssh and TLS hold.

`docker system dial-stdio` joins its stdin and stdout to the engine's socket; docker's own ssh helper relies on it
(https://github.com/docker/cli/blob/master/cli/command/system/dial_stdio.go).
"""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import suppress
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
    return get_all(docker_cmd, (path,), timeout=timeout)[0]


def get_all(docker_cmd: Sequence[str], paths: Sequence[str], *, timeout: float = 30.0) -> list[bytes | None]:
    """Return the bodies of the answers to GETs over one connection, None for each that has none in time.

    Starting the client takes longer than an answer.
    """
    if not paths:
        return []
    lines = [f"GET /{VERSION}{path} HTTP/1.1\r\nHost: docker\r\n" for path in paths]
    request = ("\r\n".join(lines) + "Connection: close\r\n\r\n").encode()
    try:
        dial = subprocess.Popen(
            (*docker_cmd, "system", "dial-stdio"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **spawn_options(sys.platform),
        )
    except OSError:
        return [None] * len(paths)
    watch = Timer(timeout, dial.kill)
    watch.start()
    try:
        return _answers(_exchange(dial, request), len(paths))
    except OSError:
        return [None] * len(paths)
    finally:
        watch.cancel()
        dial.kill()
        dial.wait()


def _exchange(dial: subprocess.Popen[bytes], request: bytes) -> bytes:
    """Send a request and read the answer; stdin stays open meanwhile, because the engine takes its end for a cancel."""
    with dial:
        stdin, stdout = dial.stdin, dial.stdout
        if not (stdin and stdout):
            return b""
        stdin.write(request)
        stdin.flush()
        return stdout.read()


def _answers(raw: bytes, count: int) -> list[bytes | None]:
    """Return the bodies of the answers that stand one behind the other; None for what is no answer or not OK."""
    stream, found = _Answers(raw), list[bytes | None]()
    with suppress(HTTPException, OSError, ValueError):
        for _ in range(count):
            response = HTTPResponse(cast("socket.socket", stream))
            response.begin()
            body = response.read()
            found.append(body if response.status == HTTPStatus.OK else None)
    return found + [None] * (count - len(found))


class _Answers(io.BytesIO):
    """What HTTPResponse wants of a socket: the bytes, as a file that one answer does not close for the next."""

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return self

    def close(self) -> None:
        """Stay open."""
