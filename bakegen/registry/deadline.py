"""The end of an exchange with a server, however slowly it sends.

A socket's timeout is for one read: a server that sends a byte now and then never meets it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock, Timer, local
from typing import Self

import urllib3
from urllib3 import connection, connectionpool


class Deadline:
    """Shuts the socket of the exchange that this thread is in, when its time is over."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds from entering the block on."""
        self.expired = False
        self._over = False
        self._socket: socket.socket | None = None
        self._lock = Lock()
        self._timer = Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to count."""
        _thread.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the socket alone from now on."""
        _thread.deadline = None
        with self._lock:
            self._over = True
        self._timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """Make this the socket that is shut."""
        with self._lock:
            self._socket = sock
            if self.expired:
                self._shut()

    def _expire(self) -> None:
        with self._lock:
            if not self._over:
                self.expired = True
                self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Past the TLS object, whose own method would pull it from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_thread = local()


def _watch(sock: socket.socket) -> None:
    deadline: Deadline | None = getattr(_thread, "deadline", None)
    if deadline:
        deadline.watch(sock)


class _Connection(connection.HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        _watch(self.sock)
        return super().getresponse()


class _TLSConnection(connection.HTTPSConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        _watch(self.sock)
        return super().getresponse()


class Pool(connectionpool.HTTPConnectionPool):
    """Connections without TLS that end with their thread's deadline."""

    ConnectionCls = _Connection


class TLSPool(connectionpool.HTTPSConnectionPool):
    """Connections with TLS that end with their thread's deadline."""

    ConnectionCls = _TLSConnection
