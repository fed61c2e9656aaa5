"""Publishes messages that are encoded beforehand: a publisher that costs a few microseconds a message, so that it leaves the machine to what is measured."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from struct import pack
from typing import Any
from urllib.parse import unquote, urlsplit

from amqp import Connection

EXCHANGE = "celeryev"
SENT_AT_ONCE = 256
PATIENCE_SECONDS = 60
_PATIENT = {socket.TCP_USER_TIMEOUT: PATIENCE_SECONDS * 1000} if hasattr(socket, "TCP_USER_TIMEOUT") else {}
"""py-amqp would give a connection up when a busy broker takes nothing for one second."""


def open_connection(amqp_url: str, **options: Any) -> Connection:
    url = urlsplit(amqp_url)
    connection = Connection(
        f"{url.hostname}:{url.port}", unquote(url.username or ""), unquote(url.password or ""), virtual_host=unquote(url.path[1:]) or "/", **options
    )
    connection.connect()
    return connection


class RawPublisher:
    """One connection to a virtual host, with publisher confirms. `confirmed`: how many messages the broker has taken."""

    def __init__(self, amqp_url: str, routing_key: str = "task.multi", queue: str = "", arguments: dict[str, object] | None = None) -> None:
        """`queue`: a durable one to which all goes, made with these arguments if it is not there."""
        self._connection = open_connection(amqp_url, read_timeout=PATIENCE_SECONDS, write_timeout=PATIENCE_SECONDS, socket_settings=_PATIENT)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        if queue:
            self._channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
            self._channel.queue_bind(queue, EXCHANGE, "#")
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._note)
        self._arguments = _frame(1, self._channel.channel_id, pack(">HHH", 60, 40, 0) + _short(EXCHANGE) + _short(routing_key) + b"\0")
        self._properties = pack(">H", 0xD000) + _short("application/json") + _short("utf-8") + b"\x01"  # transient, as Celery sends them
        self.published = self.confirmed = 0

    def publish(self, bodies: Iterable[bytes]) -> None:
        """Hands them over; what the broker has confirmed meanwhile is counted."""
        waiting: list[bytes] = []
        for body in bodies:
            waiting.append(self._encoded(body))
            if len(waiting) == SENT_AT_ONCE:
                self._send(waiting)
                waiting = []
        self._send(waiting)

    def wait_for_confirms(self) -> None:
        """Returns once everything is confirmed. Raises TimeoutError after a minute without an answer."""
        while self.confirmed < self.published:
            self._connection.drain_events(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self._connection.close()

    def _encoded(self, body: bytes) -> bytes:
        header = pack(">HHQ", 60, 0, len(body)) + self._properties
        channel = self._channel.channel_id
        return b"".join((self._arguments, _frame(2, channel, header), _frame(3, channel, body) if body else b""))

    def _send(self, encoded: list[bytes]) -> None:
        self._connection.transport.write(b"".join(encoded))
        self.published += len(encoded)
        with contextlib.suppress(TimeoutError):
            while True:
                self._connection.drain_events(timeout=0.0001)

    def _note(self, tag: int, multiple: bool) -> None:
        self.confirmed = tag if multiple else self.confirmed + 1


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def _short(text: str) -> bytes:
    return pack("B", len(text)) + text.encode()
