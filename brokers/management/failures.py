"""Maps exceptions of urllib3 and the operating system to BrokerUnreachable, with a sentence on the cause.

Used by `brokers.management.management_api` alone.
"""

from __future__ import annotations

from typing import Any

import urllib3.exceptions as http

from brokers.errors import BrokerUnreachable


def unreachable(error: Exception, host: str, place: str, connect_seconds: float, read_seconds: float) -> BrokerUnreachable:
    """The error with the reason for the missing response. `place` is the request: "GET http://127.0.0.1:15672/api/overview"."""
    chain = _chain(error)

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    if among(http.SSLError):
        what = f"TLS with {host} failed: {_tls_reason(chain)}; HARELINE_CA_FILE names a private certificate authority"
    elif among(http.NameResolutionError):
        what = f"the host name of {host} is not known"
    elif among(ConnectionRefusedError):
        what = f"connection refused at {host}"
    elif among(http.ConnectTimeoutError):
        what = f"no connection to {host} within {connect_seconds:g} s"
    elif among(http.ReadTimeoutError, TimeoutError):
        what = f"no answer from {host} within {read_seconds:g} s"
    elif among(http.NewConnectionError):
        what = f"no connection to {host}: {next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), 'no reason given')}"
    elif among(http.ProtocolError, ConnectionError):
        what = f"{host} closed the connection before its answer was complete"
    else:
        what = f"no answer from {host}: {type(error).__name__}"
    return BrokerUnreachable(f"{what} ({place})")


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


def _tls_reason(chain: list[BaseException]) -> str:
    for attribute in ("verify_message", "reason"):
        for link in chain:
            text = getattr(link, attribute, None)
            if isinstance(text, str) and text:
                return text
    return "no reason given"
