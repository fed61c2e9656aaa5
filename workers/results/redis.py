"""Results in Redis, read over its own protocol (RESP 2) by GETRANGE alone, which reads at most the first bytes of a value. Nothing is written.

The client libraries of Redis are no dependency of ours; what is needed of the protocol is below.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from workers.redaction import Redaction
from workers.results.addresses import REDIS_TLS, ResultsAddress
from workers.results.errors import ResultsError
from workers.results.outcomes import LARGEST_BYTES, Found, from_json

PREFIX = "celery-task-meta-"
TIMEOUT_SECONDS = 3.0
_LONGEST_LINE = 4096


class RedisResults:
    def __init__(self, address: ResultsAddress, redaction: Redaction, ca_file: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._address, self._redaction, self._ca_file, self._timeout_seconds = address, redaction, ca_file, timeout_seconds
        self._socket: socket.socket | None = None
        self._stream: Any = None

    def read(self, uuids: Sequence[str]) -> dict[str, Found]:
        """What is there of each task. Raises ResultsError."""
        return {uuid: from_json(uuid, body, self._redaction) if body else None for uuid, body in self.bodies(uuids).items()}

    def bodies(self, uuids: Sequence[str]) -> dict[str, bytes]:
        """The first bytes of each entry; b"" where there is none. Raises ResultsError."""
        prefix = f"{self._address.prefix}{PREFIX}"
        try:
            if self._socket is None:
                self._connect()
            commands = [("GETRANGE", f"{prefix}{uuid}", "0", str(LARGEST_BYTES - 1)) for uuid in uuids]
            values = self._all(commands)
        except ResultsError:
            self.close()
            raise
        except TimeoutError as error:
            self.close()
            raise ResultsError(f"Redis does not answer within {self._timeout_seconds:g} s") from error
        except (OSError, ValueError) as error:
            self.close()
            raise ResultsError(f"Redis can’t be reached ({getattr(error, 'strerror', None) or type(error).__name__})") from error
        return dict(zip(uuids, values, strict=True))

    def close(self) -> None:
        for one in (self._stream, self._socket):
            with contextlib.suppress(OSError):
                if one is not None:
                    one.close()
        self._socket = self._stream = None

    def _connect(self) -> None:
        parts = urlsplit(self._address.url)
        connection = socket.create_connection((parts.hostname or "", parts.port or 6379), self._timeout_seconds)
        self._socket = connection
        if self._address.kind == REDIS_TLS:
            context = ssl.create_default_context(cafile=self._ca_file)
            self._socket = connection = context.wrap_socket(connection, server_hostname=parts.hostname)
        self._stream = connection.makefile("rb")
        commands = []
        if parts.password is not None:
            user = [unquote(parts.username)] if parts.username else []
            commands.append(("AUTH", *user, unquote(parts.password)))
        if database := parts.path.strip("/"):
            commands.append(("SELECT", database))
        self._all(commands)

    def _all(self, commands: Sequence[Sequence[str]]) -> list[bytes]:
        """The answers to commands that are sent together."""
        if self._socket is None:
            raise ResultsError("Redis is not connected")
        if commands:
            self._socket.sendall(b"".join(_written(command) for command in commands))
        return [self._answer() for _ in commands]

    def _answer(self) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\r\n"):
            raise ResultsError("Redis ended the connection" if not line else "what answers is not Redis")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            code = rest.split(b" ")[0].decode("ascii", "replace")[:40]
            raise ResultsError("Redis refuses the login" if code in ("WRONGPASS", "NOAUTH") else f"Redis answers {code}")
        if kind in (b"+", b":"):
            return bytes(rest)
        if kind != b"$":
            raise ResultsError("what answers is not Redis")
        length = int(rest)
        if length > LARGEST_BYTES:
            raise ResultsError("what answers is not Redis")
        if length < 0:
            return b""
        body = self._stream.read(length + 2)
        if len(body) < length + 2:
            raise ResultsError("Redis ended the connection")
        return bytes(body[:-2])


def _written(command: Sequence[str]) -> bytes:
    parts = [part.encode("utf-8", "replace") for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
