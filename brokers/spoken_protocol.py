"""Which protocol a port speaks, recognised by the first bytes of its answer to a question without credentials.

For a connection that failed in a way that a wrong port or scheme explains: AMQP, HTTP and TLS each answer the others' first bytes in a way of their own.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from typing import Literal

Spoken = Literal["http", "https", "amqp", "amqps", "tls", ""]

LONGEST_SECONDS = 1.0
_QUESTION = b"GET / HTTP/1.0\r\n\r\n"
_HEADER = b"AMQP\x00\x00\x00\x00"  # of no version: AMQP answers with the one that it speaks
_OTHER_SCHEME = re.compile(rb"http request (was sent )?to (an )?https|plain http to an ssl", re.IGNORECASE)
_NAMES = {"http": "HTTP", "https": "HTTPS", "amqp": "AMQP", "amqps": "AMQP over TLS", "tls": "TLS"}


def recognised(answer: bytes) -> Spoken:
    r"""The protocol of an answer by its first bytes; "" for anything else. "tls" is an alert, or a web server's page about TLS that is missing.

    >>> recognised(b"AMQP\x00\x00\x09\x01"), recognised(b"\x15\x03\x01\x00\x02\x02\x46"), recognised(b"HTTP/1.1 400 Bad Request"), recognised(b"SSH-2.0")
    ('amqp', 'tls', 'http', '')
    """
    if answer.startswith(b"AMQP"):
        return "amqp"
    if answer[:2] in (b"\x15\x03", b"\x16\x03"):
        return "tls"
    if answer.startswith(b"HTTP/"):
        return "tls" if wants_tls(answer) else "http"
    return ""


def wants_tls(page: bytes) -> bool:
    """True if a web server answers that it was spoken to without TLS at a port with TLS, as nginx, Apache and Go do with status 400."""
    return _OTHER_SCHEME.search(page) is not None


def spoken_at(host: str, port: int, after_http: bool = False) -> Spoken:
    """What the port speaks; "" if that can't be recognised. Takes some seconds at most. `after_http`: it has just left a request of HTTP unanswered,
    and gets none again."""
    plain = recognised(_first_bytes(host, port, _HEADER if after_http else _QUESTION))
    if plain in ("amqp", "http"):
        return plain
    try:
        inside = recognised(_first_bytes(host, port, _QUESTION, tls=True))
    except ssl.SSLError:
        return plain
    if inside == "amqp":
        return "amqps"
    return "https" if inside == "http" else plain


def mistaken(expected: str, found: Spoken, host: str) -> str:
    """A clause on what is wrong with an address whose scheme is `expected`; "" if nothing is, or it is not known.

    >>> mistaken("http", "amqp", "h:5672")
    "h:5672 speaks AMQP, not HTTP: give the management API's port, usually 15672, or 15671 with TLS"
    """
    if found in ("", expected) or (found == "tls" and expected in ("https", "amqps")):
        return ""
    if expected.startswith("http") and found.startswith("amqp"):
        return f"{host} speaks {_NAMES[found]}, not HTTP: give the management API's port, usually 15672, or 15671 with TLS"
    if expected.startswith("amqp") and found.startswith("http"):
        return f"{host} speaks {_NAMES[found]}, not AMQP: give the port of AMQP, usually 5672, or 5671 with TLS"
    if expected in ("http", "amqp"):
        return f"{host} speaks TLS: the address must begin with {expected}s://"
    return f"{host} speaks {_NAMES[found]} without TLS: give the port with TLS, or an address that begins with {found}:// if clear text may be used"


def _first_bytes(host: str, port: int, question: bytes, tls: bool = False) -> bytes:
    """The beginning of the answer; b"" if nothing comes or nobody listens. Raises ssl.SSLError where a handshake fails."""
    try:
        with contextlib.ExitStack() as stack:
            connected: socket.socket = stack.enter_context(socket.create_connection((host, port), LONGEST_SECONDS))
            if tls:
                connected = stack.enter_context(_unverified().wrap_socket(connected, server_hostname=host))
            connected.sendall(question)
            return connected.recv(1024)
    except ssl.SSLError:
        raise
    except (OSError, ValueError):
        return b""


def _unverified() -> ssl.SSLContext:
    """Nothing but the question above is sent, so it does not matter to whom."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
