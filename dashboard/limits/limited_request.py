"""Daphne's request with a limit on its body: refused by its Content-Length before a byte is read, and by counted bytes where there is none.

Twisted reads a whole body, a large one into a temporary file, before the application sees any of it. Here a body is in memory or refused.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import daphne.server  # noqa: F401  (it chooses Twisted's reactor, which must be the first import of it)
from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.internet import reactor
from twisted.internet.tcp import Connection

from dashboard.limits.bodies import STRANGER_BYTES, Budget, most_bytes, size_text

LINGER_SECONDS = 5.0
"""How long a refused sender may go on, and what it sends is dropped: a connection that is closed at once resets, and the answer is lost."""
BUDGET = Budget()
"""Of this process."""


class LimitedRequest(WebRequest):
    _refused = False
    _received = _held = 0
    _most = STRANGER_BYTES

    def gotLength(self, length: int | None) -> None:
        """Called once the headers are there; `length` is None where the body comes in chunks."""
        headers = {name.decode("latin1").lower(): b",".join(values).decode("latin1") for name, values in self.requestHeaders.getAllRawHeaders()}
        self._most = most_bytes(headers, settings.SESSION_COOKIE_NAME)
        self.content = BytesIO()
        if length is not None and length > self._most:
            self._too_large()

    def handleContentChunk(self, data: bytes) -> None:
        if self._refused:
            return
        self._received += len(data)
        if self._received > self._most:
            self._too_large()
        elif not self._hold(self._received):
            self._refuse(503, "Too many large requests are being read at the moment. Try again in a few seconds.")
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def finish(self) -> None:
        super().finish()
        self._let_go()

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        self._let_go()

    def _hold(self, size: int) -> bool:
        """False if the budget has no room for a body of this size. What a stranger may send is always taken."""
        more = max(0, size - STRANGER_BYTES) - self._held
        if more > 0 and not BUDGET.take(more):
            return False
        self._held += max(0, more)
        return True

    def _let_go(self) -> None:
        held, self._held = self._held, 0
        BUDGET.give_back(held)

    def _too_large(self) -> None:
        self._refuse(413, f"The request is too large. At most {size_text(self._most)} are read.")

    def _refuse(self, status: int, message: str) -> None:
        """Answers at once, and drops the rest of the body."""
        self._refused = True
        self._let_go()
        self.content = BytesIO()
        self.requestHeaders.removeHeader(b"expect")
        transport = self.channel.transport
        transport.write(_answer(status, message))
        if isinstance(transport, Connection):
            transport.loseWriteConnection()
        reactor.callLater(LINGER_SECONDS, transport.abortConnection)


class LimitedFactory(HTTPFactory):
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = LimitedRequest
        return protocol


def _answer(status: int, message: str) -> bytes:
    """The whole response. It is JSON for pages too: it came before anything of the request was read."""
    code, phrase = {413: ("too_large", "Content Too Large"), 503: ("unavailable", "Service Unavailable")}[status]
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nCache-Control: private, no-store\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
