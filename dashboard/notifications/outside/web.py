"""A request to a web address: a webhook or a ping. No redirect is followed, and of the answer only its status is read."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from brokers import plain_connections

STEP_SECONDS = 10.0


class Failed(Exception):
    """`str()` is a sentence without a full stop, and without address, password or answer."""


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a full stop and the body, in hexadecimal digits.

    >>> signature("k", "1", b"{}")[:16]
    '3dd49b2593d0f9a3'
    """
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def webhook(question: Mapping[str, Any], context: ssl.SSLContext) -> None:
    """Raises Failed, OSError and HTTPException."""
    body = str(question["body"]).encode()
    timestamp = str(int(time.time()))
    headers = {"Content-Type": "application/json", "X-Hareline-Delivery": question["id"], "X-Hareline-Timestamp": timestamp}
    if question["key"]:
        headers["X-Hareline-Signature"] = f"v1={signature(question['key'], timestamp, body)}"
    _request("POST", question["url"], body, headers, context)


def ping(question: Mapping[str, Any], context: ssl.SSLContext) -> None:
    _request("GET", question["url"], None, {}, context)


def _request(method: str, url: str, body: bytes | None, headers: Mapping[str, str], context: ssl.SSLContext) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=STEP_SECONDS, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=STEP_SECONDS)
    )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path, body, {"User-Agent": "Hareline", "Accept": "*/*", "Connection": "close", **headers})
        status = connection.getresponse().status
    finally:
        connection.close()
    if 300 <= status < 400:
        raise Failed(f"it answered with a redirect (status {status}), which is not followed: enter the address to which it leads")
    if not 200 <= status < 300:
        raise Failed(f"it answered with status {status}")


def sentence(error: Exception) -> str:
    """What went wrong with a connection, in words of ours."""
    return str(error) if isinstance(error, Failed) else plain_connections.why(error)
