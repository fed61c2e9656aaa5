"""A TCP proxy on loopback that breaks its connections where a test says: after so many bytes of an answer, or at once."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Forwards to `port` of 127.0.0.1. Each new connection is cut once `cut_after_bytes` came from the server; None: never."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_after_bytes: int | None = None
        self.cuts = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut_now(self) -> None:
        """Breaks every connection, as a firewall does: by a reset."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self._cut(pair)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_now()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            pair = (client, socket.create_connection(self._server))
            self._pairs.append(pair)
            for source, target, limit in ((*pair, None), (pair[1], pair[0], self.cut_after_bytes)):
                self._threads.append(threading.Thread(target=self._forward, args=(source, target, limit, pair)))
                self._threads[-1].start()

    def _forward(self, source: socket.socket, target: socket.socket, limit: int | None, pair: tuple[socket.socket, socket.socket]) -> None:
        forwarded = 0
        with contextlib.suppress(OSError):
            while data := source.recv(8192):
                if limit is not None and forwarded + len(data) >= limit:
                    target.sendall(data[: limit - forwarded])
                    break
                target.sendall(data)
                forwarded += len(data)
        self._cut(pair)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self.cuts += 1
        for each in pair:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
