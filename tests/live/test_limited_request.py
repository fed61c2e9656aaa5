"""Bodies that are refused before they are read: by their length, by counted bytes, and by what all of them hold together."""

from __future__ import annotations

import doctest
import json
import tracemalloc
from typing import Any

import pytest
from django.conf import settings
from twisted.internet.testing import StringTransport

from dashboard.limits import bodies, limited_request
from dashboard.limits.bodies import LARGEST_BYTES, STRANGER_BYTES, Budget
from dashboard.limits.limited_request import LimitedFactory

KNOWN = f"Cookie: {settings.SESSION_COOKIE_NAME}=abc"


class Server:
    """What daphne's requests use of their server; keeps which bodies reached the application."""

    proxy_forwarded_address_header = None
    root_path = ""
    request_buffer_size = 8192

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def protocol_connected(self, protocol: Any) -> None: ...

    protocol_disconnected = protocol_connected

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        self.bodies.append(protocol.content.getvalue())


class Connection:
    """A client that sends a request to /login/ with these headers."""

    def __init__(self, *headers: str) -> None:
        self.server, self.transport = Server(), StringTransport()
        self.transport.abortConnection = self.transport.loseConnection
        self.protocol = LimitedFactory(self.server).buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.send("\r\n".join(("POST /login/ HTTP/1.1", "Host: localhost", *headers, "", "")).encode())

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def send_chunks(self, number: int, size: int) -> None:
        for _ in range(number):
            self.send(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n")

    def answer(self) -> tuple[int, str]:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)["error"]["message"]


@pytest.fixture(autouse=True)
def budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    own = Budget(2 * LARGEST_BYTES)
    monkeypatch.setattr(limited_request, "BUDGET", own)
    return own


def test_the_examples_hold() -> None:
    assert doctest.testmod(bodies).failed == 0


@pytest.mark.parametrize(("headers", "most"), [((), STRANGER_BYTES), ((KNOWN,), LARGEST_BYTES), (("Authorization: Bearer abc",), LARGEST_BYTES)])
def test_what_is_as_large_as_it_may_be_reaches_the_application(headers: tuple[str, ...], most: int) -> None:
    client = Connection(*headers, f"Content-Length: {most}")
    client.send(b"x" * most)
    assert [len(body) for body in client.server.bodies] == [most] and client.transport.value() == b""


@pytest.mark.parametrize(("headers", "size"), [((), "64 KB"), ((KNOWN,), "16 MB")])
def test_what_is_larger_is_refused_by_its_length_before_a_byte_is_read(headers: tuple[str, ...], size: str) -> None:
    client = Connection(*headers, "Content-Length: 400000000", "Expect: 100-continue")
    assert client.answer() == (413, f"The request is too large. At most {size} are read.")
    assert b"100 Continue" not in client.transport.value()


def test_four_hundred_megabytes_without_a_length_are_counted_and_dropped() -> None:
    client = Connection("Transfer-Encoding: chunked")
    tracemalloc.start()
    client.send_chunks(400, 1_000_000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    client.send(b"0\r\n\r\n")
    assert client.answer()[0] == 413
    assert (client.server.bodies, client.transport.disconnecting, most < 5_000_000) == ([], True, True)


def test_many_large_bodies_at_once_are_refused_and_small_ones_are_not(budget: Budget) -> None:
    held = [Connection(KNOWN, f"Content-Length: {LARGEST_BYTES}") for _ in range(3)]
    for client in held:
        client.send(b"x" * (LARGEST_BYTES - 1))
    assert [bool(client.transport.value()) for client in held] == [False, False, True]
    assert held[2].answer()[0] == 503
    small = Connection(f"Content-Length: {STRANGER_BYTES}")
    small.send(b"x" * STRANGER_BYTES)
    assert len(small.server.bodies) == 1
    for client in held:
        client.protocol.connectionLost(None)
    assert budget.held == 0
