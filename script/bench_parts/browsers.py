"""Many web sockets of one program that does next to nothing for each frame, so that what is measured is the server and not its readers."""

from __future__ import annotations

import select
import socket
import struct
import time

SENT = b'"sent":'
READ_SECONDS = 30


class Browsers:
    """Sockets of one path, each with what it has received of its next frame."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._poll = select.epoll()
        for _ in range(count):
            one = _connected(port, path)
            self._sockets[one.fileno()], self._received[one.fileno()] = one, b""
            self._poll.register(one, select.EPOLLIN)

    def next_frames(self) -> list[float]:
        """Seconds from when each frame was sent, as it says, to when the last of it was read: one frame a socket. Raises TimeoutError."""
        delays: list[float] = []
        while len(delays) < len(self._sockets):
            ready = self._poll.poll(READ_SECONDS)
            if not ready:
                raise TimeoutError(f"{len(delays)} of {len(self._sockets)} sockets have their frame")
            for number, _ in ready:
                received = self._received[number] + self._sockets[number].recv(65_536)
                if _is_whole(received):
                    delays.append(time.time() - _sent_at(received))
                    received = b""
                self._received[number] = received
        return delays

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        self._poll.close()


def _connected(port: int, path: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=READ_SECONDS)
    key = "AAAAAAAAAAAAAAAAAAAAAA=="
    one.sendall(
        f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += one.recv(1)
    if b" 101 " not in answer:
        raise ConnectionError(answer.decode(errors="replace"))
    return one


def _is_whole(received: bytes) -> bool:
    """Whether it is a frame of 126 to 65,535 bytes (RFC 6455, 5.2), complete."""
    return len(received) >= 4 and len(received) == 4 + struct.unpack_from("!H", received, 2)[0]


def _sent_at(frame: bytes) -> float:
    text = frame[frame.index(SENT) + len(SENT) :]
    return float(text[: text.index(b"}")])
