"""The short path of a frame that many sockets get: the same bytes as daphne's, in the same order, whatever the system's buffer takes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.websocket.protocol import WebSocketProtocol
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.tcp import Connection

from dashboard.live.frames import SharedText
from dashboard.live.web_server import CLOSE_SECONDS, LiveServer, write_now


class Reactor:
    """Notes who waits to be written."""

    def __init__(self) -> None:
        self.waiting: set[Any] = set()
        self.addWriter, self.removeWriter = self.waiting.add, self.waiting.discard


class Wired(Connection):
    """One end of a pair of sockets, as daphne has it of each browser."""

    def __init__(self, end: socket.socket, reactor: Reactor) -> None:
        end.setblocking(False)
        super().__init__(end, None, reactor)
        self.connected = 1


@pytest.fixture
def ends() -> Iterator[tuple[Wired, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield Wired(ours, Reactor()), theirs


def received(end: socket.socket) -> bytes:
    found = b""
    while True:
        try:
            found += end.recv(1_000_000)
        except BlockingIOError:
            return found


def test_it_is_written_at_once(ends: tuple[Wired, socket.socket]) -> None:
    ours, theirs = ends
    write_now(ours, b"first")
    assert (received(theirs), ours.reactor.waiting) == (b"first", set())


def test_it_goes_behind_what_waits(ends: tuple[Wired, socket.socket]) -> None:
    ours, theirs = ends
    ours.write(b"first ")
    write_now(ours, b"second")
    assert received(theirs) == b""
    ours.doWrite()
    assert received(theirs) == b"first second"


def test_nothing_is_lost_or_reordered_while_a_browser_does_not_read(ends: tuple[Wired, socket.socket]) -> None:
    ours, theirs = ends
    frames = [f"<{number}>".encode() * 20_000 for number in range(20)]
    for frame in frames:
        write_now(ours, frame)
    assert ours.reactor.waiting == {ours}, "the buffer of the system holds all of it: make the frames larger"
    found = received(theirs)
    while ours.reactor.waiting:
        ours.doWrite()
        found += received(theirs)
    assert found == b"".join(frames)
    write_now(ours, b"last")
    assert received(theirs) == b"last"


def test_a_lost_connection_is_left_for_the_reactor_to_find(ends: tuple[Wired, socket.socket]) -> None:
    ours, theirs = ends
    theirs.close()
    write_now(ours, b"to nobody")
    assert ours.reactor.waiting == {ours}


def test_nothing_is_written_to_a_connection_that_ends(ends: tuple[Wired, socket.socket]) -> None:
    ours, theirs = ends
    ours.connected = 0
    write_now(ours, b"too late")
    assert (received(theirs), ours.reactor.waiting) == (b"", set())


class Sent:
    """A transport that is no plain connection, as with TLS: it keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.mark.parametrize("text", ["", "{}", "Grüße " * 30, "long " * 20_000])
async def test_the_frame_is_the_one_that_daphne_makes(text: str) -> None:
    server = LiveServer(None, endpoints=["tcp:port=0"])
    usual = WebSocketProtocol()
    usual.factory = SimpleNamespace(isServer=True)
    usual.maskServerFrames = usual.logFrames = False
    usual.trafficStats = SimpleNamespace(outgoingWebSocketFrames=0)
    parts: list[bytes] = []
    usual.sendData = lambda data, *_: parts.append(data)
    usual.sendFrame(opcode=1, payload=text.encode())
    shared = SharedText(text)
    for _ in range(2):
        protocol = SimpleNamespace(state=3, STATE_OPEN=3, send_queue=[], transport=Sent())
        await server.handle_reply(protocol, {"type": "websocket.send", "text": shared})
        assert protocol.transport.written == parts[0]


def test_a_browser_has_time_to_confirm_why_it_is_closed() -> None:
    server = LiveServer(None, endpoints=["tcp:port=0"])
    server.ws_factory = WebSocketFactory(server, server="daphne")
    assert server.ws_factory.closeHandshakeTimeout == CLOSE_SECONDS
