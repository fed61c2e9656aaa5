"""Frames faster than allowed, as bytes into daphne's protocol: closed once, with the reason, and the application gets no more than is allowed."""

from __future__ import annotations

import asyncio
import json
import struct
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.websocket.protocol import PreparedMessage
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.testing import StringTransport

from dashboard.live.limited_socket import REASON, TOO_FAST, LimitedSocket
from dashboard.live.pace import FRAMES_AT_ONCE, FRAMES_PER_SECOND

HANDSHAKE = (
    b"GET /ws/live/ HTTP/1.1\r\nHost: hareline\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(opcode: int, payload: bytes, is_last: bool = True) -> bytes:
    """As a browser sends it, masked (RFC 6455, 5.2)."""
    return struct.pack("!BB", (0x80 if is_last else 0) | opcode, 0x80 | len(payload)) + bytes(4) + payload


class Socket:
    """An open web socket: what the application got, and what was written to the browser."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        server = SimpleNamespace(
            protocol_connected=lambda _: None, protocol_disconnected=lambda _: None, create_application=lambda *_: self.queue, log_action=lambda *_: None,
            root_path="", proxy_forwarded_address_header=None,
        )  # fmt: skip
        factory = WebSocketFactory(server)
        factory.protocol = LimitedSocket
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.protocol._raw_query_string = b""
        self.protocol.dataReceived(HANDSHAKE)
        self.protocol.serverAccept()
        self.transport.clear()

    def messages(self) -> int:
        found = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        return sum(message["type"] == "websocket.receive" for message in found)


@pytest.mark.parametrize(
    ("first", "flood"),
    [(b"", frame(1, b"{}")), (b"", frame(9, b"")), (frame(1, b"", is_last=False), frame(0, b"", is_last=False))],
    ids=["messages", "pings", "pieces"],
)
def test_what_comes_too_fast_is_closed_once_with_the_reason(first: bytes, flood: bytes) -> None:
    socket, began = Socket(), monotonic()
    socket.protocol.dataReceived(first + flood * 20_000)
    assert socket.messages() <= FRAMES_AT_ONCE + FRAMES_PER_SECOND * (monotonic() - began) + 1
    error = PreparedMessage(json.dumps({"error": {"code": "too_fast", "message": REASON}}, separators=(",", ":")).encode(), False, False, True).payloadHybi
    end = struct.pack("!BBH", 0x88, 2 + len(REASON), TOO_FAST) + REASON.encode()
    assert socket.transport.value().endswith(error + end)
    socket.transport.clear()
    socket.protocol.dataReceived(flood * 1000)
    assert (socket.transport.value(), socket.messages()) == (b"", 0)


def test_what_a_page_sends_arrives_whole() -> None:
    socket = Socket()
    for _ in range(500):
        socket.protocol.dataReceived(frame(1, b'{"ack":1}'))
    long = b'{"subscribe":[' + b" " * 60_000 + b"]}"
    socket.protocol.dataReceived(struct.pack("!BBH", 0x81, 0x80 | 126, len(long)) + bytes(4) + long)
    assert (socket.messages(), socket.transport.value()) == (501, b"")
