"""A deadline for a whole HTTP exchange, headers and body: urllib3's own time-outs start again with every byte that arrives.

Used by `brokers.management.management_api` alone. When time is up the socket is shut down, which interrupts any wait for it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Watch:
    """Ends requests of one session that take too long; `expired` is True if the last one was ended."""

    def __init__(self) -> None:
        self.expired = False
        self._closed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """The time that the request inside may take, retries included."""
        self.expired = self._closed
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._socket = None

    def close(self) -> None:
        """Ends the current request, if any, and all later ones. Callable from any thread."""
        self._closed = True
        self._end()

    def hold(self, connected: socket.socket | None) -> None:
        """From now on this is the socket to shut down."""
        with self._lock:
            self._socket = connected
        if self.expired or self._closed:
            self._end()

    def _end(self) -> None:
        self.expired = True
        with self._lock, contextlib.suppress(OSError):  # it may be closed already
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def pools(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme, for a urllib3 PoolManager, whose connections are held by the watch."""

    class PlainConnection(HTTPConnection):
        def getresponse(self) -> Any:  # urllib3's class, which is not the one that http.client announces
            watch.hold(self.sock)
            return super().getresponse()

    class TlsConnection(HTTPSConnection):
        def getresponse(self) -> Any:  # urllib3's class, which is not the one that http.client announces
            watch.hold(self.sock)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls: Any = PlainConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls: Any = TlsConnection

    return {"http": PlainPool, "https": TlsPool}
