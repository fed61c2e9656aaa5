"""Kombu's AMQP transport with the address that a connection comes from: a machine of an arrangement is a loopback address."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from amqp.transport import TCPTransport
from kombu.transport.pyamqp import Connection as KombuConnection
from kombu.transport.pyamqp import Transport as KombuTransport

from workers.lab.plan import LOCAL


class Connection(KombuConnection):
    def __init__(self, *positional: Any, source_address: str = LOCAL, **options: Any) -> None:
        self._source = source_address
        super().__init__(*positional, **options)

    def Transport(self, host: str, connect_timeout: float | None, ssl: Any = False, *positional: Any, **options: Any) -> TCPTransport:
        made = super().Transport if self._source == LOCAL or ssl else partial(_From, source=self._source)
        return made(host, connect_timeout, ssl, *positional, **options)


class _From(TCPTransport):
    def __init__(
        self, host: str, connect_timeout: float | None, ssl: Any, read_timeout: Any = None, write_timeout: Any = None, *, source: str, **options: Any
    ) -> None:
        self._source = source
        super().__init__(host, connect_timeout=connect_timeout, read_timeout=read_timeout, write_timeout=write_timeout, **options)

    def _connect(self, host: str, port: int, timeout: float | None) -> None:
        self.sock = socket.create_connection((host, port), timeout, (self._source, 0))


class Transport(KombuTransport):
    Connection = Connection
