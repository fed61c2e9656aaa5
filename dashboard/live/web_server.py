"""Daphne with a short path for texts that many sockets get: made into bytes once, and written to each socket at once.

For each message autobahn builds a frame anew and formats what a debug log might want, and Twisted adds the socket to its selector and removes it again
after the write: three quarters of what a delivery costs.
"""

from __future__ import annotations

from typing import Any

from autobahn.websocket.protocol import PreparedMessage
from daphne.server import Server
from django.urls import get_resolver
from twisted.internet.tcp import Connection

from brokers import interpreter
from dashboard.limits.limited_request import LimitedFactory
from dashboard.live.frames import SharedText
from dashboard.live.limited_socket import LimitedSocket

LARGEST_MESSAGE = 256 * 1024
"""Beyond it a socket is closed while the message is still being read; up to it `dashboard.live.sockets` states its own, smaller limit to the page."""

CLOSE_SECONDS = 10
"""So long a browser that is busy or far away has for confirming that we close. Autobahn's own 1 s ended with an abort, and the page never got the reason."""


class LiveServer(Server):
    """What it does not know how to shorten goes daphne's usual way. Bodies and frames are limited."""

    @property
    def http_factory(self) -> LimitedFactory:
        return self._http_factory

    @http_factory.setter
    def http_factory(self, _: object) -> None:
        """Daphne sets its own in `run`."""
        self._http_factory = LimitedFactory(self)

    @property
    def ws_factory(self) -> Any:
        return self._ws_factory

    @ws_factory.setter
    def ws_factory(self, factory: Any) -> None:
        """Daphne sets it in `run`."""
        factory.setProtocolOptions(closeHandshakeTimeout=CLOSE_SECONDS)
        factory.protocol = LimitedSocket
        self._ws_factory = factory

    def run(self) -> None:
        self.websocket_max_message_size = self.websocket_max_frame_size = LARGEST_MESSAGE
        _ = get_resolver().url_patterns  # every page is imported now
        interpreter.look_for_garbage_rarely()
        super().run()

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        text = message.get("text")
        if type(text) is SharedText and protocol.state == protocol.STATE_OPEN and not protocol.send_queue:
            write_now(protocol.transport, text.frame or _framed(text))
        else:
            await super().handle_reply(protocol, message)


def _framed(text: SharedText) -> bytes:
    """The frame as a server sends it (RFC 6455, 5.2), not masked; daphne negotiates no compression."""
    text.frame = PreparedMessage(text.encode(), isBinary=False, applyMask=False, doNotCompress=True).payloadHybi
    return text.frame


def write_now(transport: Any, data: bytes) -> None:
    """Writes to a plain connection without waiting for the reactor, unless something waits there already. What the system's buffer does not take waits for
    the reactor; so does everything where the connection is lost, which the reactor then finds as usual."""
    waits = not isinstance(transport, Connection) or transport.dataBuffer or transport._tempDataLen or transport.disconnecting or not transport.connected
    sent = 0 if waits else transport.writeSomeData(data)
    if not isinstance(sent, int):
        sent = 0
    if sent < len(data):
        transport.write(data[sent:])
