"""Maps exceptions of urllib3 and the operating system to BrokerUnreachable, with a sentence on the cause.

Used by `brokers.management.management_api` alone.
"""

from __future__ import annotations

from http.client import BadStatusLine, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3.exceptions as http

from brokers import spoken_protocol, tls_failures
from brokers.errors import BrokerUnreachable


class Attempt(msgspec.Struct, frozen=True):
    """A request that failed. `place` is what was requested: "GET http://127.0.0.1:15672/api/overview"."""

    url: str
    place: str
    connect_seconds: float
    read_seconds: float
    answered_before: bool  # this address has, so its port is the right one

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def unreachable(error: Exception, attempt: Attempt) -> BrokerUnreachable:
    """The error with the reason for the missing response."""
    chain, host = _chain(error), attempt.host
    what = "" if attempt.answered_before else _wrong_port(chain, attempt)
    return BrokerUnreachable(f"{what or _missing(error, chain, host, attempt)} ({attempt.place})")


def _missing(error: Exception, chain: list[BaseException], host: str, attempt: Attempt) -> str:
    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    if tls := tls_failures.tls_text(chain):
        return f"TLS with {host} failed: {tls}"
    if among(http.NameResolutionError):
        return f"the host name of {host} is not known"
    if among(ConnectionRefusedError):
        return f"connection refused at {host}"
    if among(http.ConnectTimeoutError):
        return f"no connection to {host} within {attempt.connect_seconds:g} s"
    if among(http.ReadTimeoutError, TimeoutError):
        return f"no answer from {host} within {attempt.read_seconds:g} s"
    if among(http.NewConnectionError):
        return f"no connection to {host}: {next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), 'no reason given')}"
    if among(http.ProtocolError, ConnectionError):
        return f"{host} closed the connection before its answer was complete"
    return f"no answer from {host}: {type(error).__name__}"


def _wrong_port(chain: list[BaseException], attempt: Attempt) -> str:
    """A clause where the port speaks something else, by the first bytes of its answer; "" if it does not, or nothing suggests it."""
    parts = urlsplit(attempt.url)
    lines = [str(link.args[0]) for link in chain if isinstance(link, BadStatusLine) and not isinstance(link, RemoteDisconnected)]
    if lines:
        found = spoken_protocol.recognised(lines[0].encode("latin-1", "replace"))
        if found == "amqp" and parts.scheme == "https":
            found = "amqps"
    elif tls_failures.is_protocol_failure(chain) or any(isinstance(link, ConnectionResetError | RemoteDisconnected) for link in chain):
        found = spoken_protocol.spoken_at(parts.hostname or "", parts.port or 0, after_http=parts.scheme == "http")
    else:
        return ""
    return spoken_protocol.mistaken(parts.scheme, found, attempt.host)


def _chain(error: Exception) -> list[BaseException]:
    """The error and all that it wraps: requests and urllib3 keep the cause in arguments and `reason`."""
    chain: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        link = pending.pop()
        if isinstance(link, BaseException) and not any(link is known for known in chain):
            chain.append(link)
            pending += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return chain
