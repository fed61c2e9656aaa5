"""Why a TLS connection failed, in words: OpenSSL's codes and reasons are looked up here, never printed where they are known. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

CA_HINT = "HARELINE_CA_FILE names the certificate authority to trust"

_UNTRUSTED = {
    18: "its certificate is self-signed and not trusted",
    19: "its certificate comes from a certificate authority that is not trusted",
    20: "its certificate comes from a certificate authority that is not known",
    21: "its certificate comes from a certificate authority that is not known",
}
_CERTIFICATE = {
    9: "its certificate is not valid yet; compare the clocks of both machines",
    10: "its certificate has expired",
    23: "its certificate has been revoked",
    26: "its certificate is not made for servers",
    62: "its certificate is made out to another host name; use a name of the certificate in the address",
    64: "its certificate is not made out to this IP address; use a name of the certificate in the address",
    66: "the key of its certificate is too weak for this machine's OpenSSL",
    67: "the key of its certificate authority is too weak for this machine's OpenSSL",
    68: "the signature of its certificate is too weak for this machine's OpenSSL",
}
_NO_TLS = "its answer is not TLS"
_VERSION = "it offers no TLS version that this machine's OpenSSL accepts"
_CIPHER = "no cipher is accepted by both sides"
_CLIENT_CERTIFICATE = "it requires a client certificate, which Hareline does not have (ssl_options.fail_if_no_peer_cert at the broker)"
_WEAK = "a key or signature of the broker is too weak for this machine's OpenSSL"
_CLOSED = "it closed the connection during the handshake"
_REASONS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "NO_PROTOCOLS_AVAILABLE": _VERSION,
    "UNSUPPORTED_SSL_VERSION": _VERSION,
    "VERSION_TOO_LOW": _VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _CIPHER,
    "NO_SHARED_CIPHER": _CIPHER,
    "NO_CIPHERS_AVAILABLE": _CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _CIPHER,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _CLIENT_CERTIFICATE,
    "TLSV1_ALERT_UNRECOGNIZED_NAME": "it has no certificate for this host name",
    "TLSV1_UNRECOGNIZED_NAME": "it has no certificate for this host name",
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "UNEXPECTED_EOF_WHILE_READING": _CLOSED,
    "NO_CERTIFICATE_OR_CRL_FOUND": "HARELINE_CA_FILE holds no certificate in PEM form",
}


def tls_text(links: Iterable[BaseException]) -> str:
    """A clause on the first TLS error among `links`, an error and what it wraps; "" if there is none. Names HARELINE_CA_FILE only where trust is missing."""
    found = [link for link in links if isinstance(link, ssl.SSLError)]
    for error in found:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _of_certificate(getattr(error, "verify_code", 0), getattr(error, "verify_message", "") or "")
    for error in found:
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _CLOSED
        if error.reason:
            return _REASONS.get(error.reason) or f"OpenSSL reports “{error.reason.lower().replace('_', ' ')}”"
    return "no reason is known" if found else ""


def is_protocol_failure(links: Iterable[BaseException]) -> bool:
    """True for a TLS error that another protocol at the port would explain: any but one about the certificate."""
    found = [link for link in links if isinstance(link, ssl.SSLError)]
    return bool(found) and not any(isinstance(link, ssl.SSLCertVerificationError) for link in found)


def _of_certificate(code: int, message: str) -> str:
    """
    >>> _of_certificate(10, "certificate has expired")
    'its certificate has expired'
    """
    if code in _UNTRUSTED:
        return f"{_UNTRUSTED[code]}; {CA_HINT}"
    return _CERTIFICATE.get(code) or f"its certificate is not accepted ({message or f'code {code}'})"
