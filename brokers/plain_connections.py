"""What connections made with the standard library alone have in common: whom they trust, and why they failed, in words. Pure."""

from __future__ import annotations

import http.client
import socket
import ssl


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The system's authorities, and those of HARELINE_CA_FILE."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def why(error: Exception) -> str:
    """A clause on a connection that failed, in words of ours: the error's own may hold an address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted ({error.verify_message.partition(',')[0]})"
    if isinstance(error, ssl.SSLError):
        return "no TLS connection could be made"
    if isinstance(error, socket.gaierror):
        return "its name could not be resolved"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(error, ConnectionError):
        return "it closed the connection"
    if isinstance(error, http.client.HTTPException):
        return "its answer was not valid HTTP"
    return f"the connection failed ({type(error).__name__})"
