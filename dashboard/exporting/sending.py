"""One request to the long-term store, over a connection that is kept. Of the answer only the status is passed on, and what is known of its text. Proxies of
the environment and .netrc are not used, and no redirect is followed."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
from typing import NamedTuple

from brokers import plain_connections
from dashboard.exporting.protocol import HEADERS
from dashboard.exporting.target import RemoteTarget

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 20.0, 30.0
MOST_WAITING_SECONDS = 300.0
_MENDED = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Answers that a changed password, path or limit makes good: what waits is kept. RFC 6585 and the protocol name 429."""
_KNOWN = {
    "out of order": "they are not in the order of time there, or were written before",
    "out of bounds": "they are older than it takes (Prometheus: storage.tsdb.out_of_order_time_window)",
    "too old": "they are older than it takes",
    "duplicate sample": "it has other values for the same moments",
}
_HAS_LATER = ("out of order", "out-of-order")


class Answer(NamedTuple):
    """`taken`: the store has the samples. Else `refused` is why it will never take them, or `failed` why it can't now; clauses without a full stop.
    `has_later`: it refused them as it has these moments or later ones. `may_be_taken`: a request with them went out of which the end is not known."""

    taken: bool = False
    refused: str = ""
    failed: str = ""
    wait_seconds: float = 0.0
    has_later: bool = False
    may_be_taken: bool = False


class Sender:
    """`send` is for one thread at a time."""

    def __init__(self, target: RemoteTarget, ca_file: str | None, total_seconds: float = TOTAL_SECONDS) -> None:
        self._target, self._total_seconds = target, total_seconds
        self._context = plain_connections.trust(ca_file) if target.tls else None
        self._connection: http.client.HTTPConnection | None = None
        self._is_out = False
        self._headers = {**HEADERS, **_credentials(target)}

    def send(self, body: bytes) -> Answer:
        """What came of it. A connection that was kept and has ended meanwhile is made anew, once."""
        was_kept, self._is_out = self._connection is not None, False
        try:
            return self._sent(body)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            if not (was_kept and isinstance(error, ConnectionError | http.client.RemoteDisconnected)):
                return Answer(failed=plain_connections.why(error), may_be_taken=self._is_out)
        try:
            return self._sent(body)._replace(may_be_taken=True)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            return Answer(failed=plain_connections.why(error), may_be_taken=True)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sent(self, body: bytes) -> Answer:
        connection = self._connection or self._connect()
        self._connection = connection
        late = threading.Event()
        ends = threading.Timer(self._total_seconds, _end, [connection.sock, late])  # also one that answers byte by byte
        ends.daemon = True
        ends.start()
        self._is_out = True
        try:
            connection.request("POST", self._target.path, body, self._headers)
            response = connection.getresponse()
            text = response.read(2000).decode(errors="replace")
        except (http.client.HTTPException, OSError) as error:
            raise (TimeoutError() if late.is_set() else error) from error
        finally:
            ends.cancel()
        if response.will_close or not response.isclosed():
            self.close()
        return answered(response.status, text, response.headers.get("Retry-After", ""))

    def _connect(self) -> http.client.HTTPConnection:
        target = self._target
        if self._context is not None:
            made: http.client.HTTPConnection = http.client.HTTPSConnection(target.host, target.port, timeout=CONNECT_SECONDS, context=self._context)
        else:
            made = http.client.HTTPConnection(target.host, target.port, timeout=CONNECT_SECONDS)
        made.connect()
        made.sock.settimeout(READ_SECONDS)
        return made


def answered(status: int, text: str, retry_after: str) -> Answer:
    """
    >>> answered(204, "", "").taken, answered(400, "out of order sample", "").refused
    (True, 'status 400: they are not in the order of time there, or were written before')
    """
    if 200 <= status < 300:
        return Answer(taken=True)
    if 400 <= status < 500 and status not in _MENDED:
        known = next((f": {words}" for part, words in _KNOWN.items() if part in text.lower()), "")
        return Answer(refused=f"status {status}{known}", has_later=any(part in text.lower() for part in _HAS_LATER))
    wait_seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    wait_seconds = min(wait_seconds, MOST_WAITING_SECONDS)
    return Answer(failed=f"it answered with status {status}{_HINTS.get(status, '')}", wait_seconds=wait_seconds, may_be_taken=status >= 500)


_HINTS = {401: ", so its credentials are wrong or missing", 403: ", so it may not be written to", 404: ", so the path of its address is wrong"}


def _credentials(target: RemoteTarget) -> dict[str, str]:
    if target.token:
        return {"Authorization": f"Bearer {target.token}"}
    if target.user or target.password:
        return {"Authorization": "Basic " + base64.b64encode(f"{target.user}:{target.password}".encode()).decode()}
    return {}


def _end(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
