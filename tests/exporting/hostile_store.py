"""A long-term store over HTTP that treats each request as a script says, and beneath it holds what it took as strictly as Prometheus."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence

from tests.exporting.store import Store

TAKES, HANGS, NEVER_READS, CUTS_REQUEST, CUTS_ANSWER, TAKES_AND_HANGS, DRIPS, NONSENSE, REFUSES = (
    "takes", "hangs", "never reads", "cuts the request", "takes and cuts its answer", "takes and hangs", "drips", "nonsense", "refuses for good",
)  # fmt: skip
BUSY, BROKEN = "429 Too Many Requests\r\nRetry-After: 7", "500 Internal Server Error"


class HostileStore:
    """`script`: what is done with one request after the other, the last of them with all that follow; also a status line with headers."""

    def __init__(self, script: Sequence[str]) -> None:
        self.store, self.done = Store(), list[str]()
        self._script = list(script)
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/api/v1/write"

    def close(self) -> None:
        self._ended.set()
        self._listening.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=[connection], daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reading:
            try:
                while self._request(connection, reading):
                    pass
            except OSError:
                return

    def _request(self, connection: socket.socket, reading: object) -> bool:
        line = reading.readline()  # type: ignore[attr-defined]
        if not line:
            return False
        what = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        self.done.append(what)
        if what == NEVER_READS:
            self._ended.wait(60)
            return False
        length = 0
        while header := reading.readline().strip():  # type: ignore[attr-defined]
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if what == CUTS_REQUEST:
            reading.read(length // 2)  # type: ignore[attr-defined]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = reading.read(length)  # type: ignore[attr-defined]
        return self._answered(connection, what, body)

    def _answered(self, connection: socket.socket, what: str, body: bytes) -> bool:
        taken = what in (TAKES, CUTS_ANSWER, TAKES_AND_HANGS, DRIPS) and self.store.send(body)
        if what in (HANGS, TAKES_AND_HANGS):
            self._ended.wait(60)
            return False
        if what == CUTS_ANSWER:
            connection.sendall(b"HTTP/1.1 2")
            return False
        if what == DRIPS:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
            while not self._ended.wait(0.05):
                connection.sendall(b".")
            return False
        if what == NONSENSE:
            connection.sendall(b"\x00\xff" * 40_000)
            return False
        status = what
        text = ""
        if what == REFUSES or (taken and taken.refused):
            status, text = "400 Bad Request", "out of order sample" if taken and taken.has_later else "no"
        elif taken:
            status = "204 No Content"
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        return True
