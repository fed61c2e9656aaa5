"""A TCP proxy in front of a port of this machine whose connections can be cut at any moment, by the fault runs and by tests. Standard library only."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

CHUNK_BYTES = 16384
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once with RST, dropping what was not delivered


class Proxy:
    """Listens on `port` of 127.0.0.1, a free one if it is 0, and forwards to `target`, a port of the same machine. Each connection that is opened while
    `cut_after_bytes` is set is cut once so many bytes came from the target. `cuts`: how many connections were cut."""

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self.cut_after_bytes: int | None = None
        self.cuts = 0
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._upstream_open = threading.Event()
        self._upstream_open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Resets every open connection, mid-frame where one is being sent. The number of connections that were open."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)
        return len(pairs)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self.cuts += 1
        for side in pair:
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def holding_upstream(self) -> Iterator[None]:
        """What clients send is held back inside the block, acknowledgements too, while the server's messages still reach them. Lost if `cut` follows."""
        self._upstream_open.clear()
        try:
            yield
        finally:
            self._upstream_open.set()

    def refuse(self) -> None:
        """Takes no further connections; those that are open stay."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # so that nobody waits in `accept`
        self._listening.close()

    def close(self) -> None:
        self.refuse()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, sink, limit in ((client, server, None), (server, client, self.cut_after_bytes)):
                threading.Thread(target=self._forward, args=(pair, source, sink, limit), daemon=True).start()

    def _forward(self, pair: tuple[socket.socket, socket.socket], source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        left = limit
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if source is pair[0]:
                    self._upstream_open.wait()
                sink.sendall(data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        self._cut(pair)
                        break
        with self._lock:
            first = pair in self._pairs
            self._pairs.discard(pair)
        for side in pair:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            if not first:
                side.close()


@contextlib.contextmanager
def proxy_of(target: int, port: int = 0) -> Iterator[Proxy]:
    """A proxy for the time of the block."""
    proxy = Proxy(target, port)
    try:
        yield proxy
    finally:
        proxy.close()
