"""Whose page opens a web socket: browsers let any page do so, with the cookies of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings


def is_own_origin(scope: dict[str, Any]) -> bool:
    """True if the page that opens the socket is ours: its origin is the scheme and address that it calls, or HARELINE_PUBLIC_URL.

    >>> is_own_origin({"headers": [(b"origin", b"http://a:8000"), (b"host", b"a:9000")]})
    False
    """
    headers = dict(scope["headers"])
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    own = {f"{scheme}://{headers.get(b'host', b'').decode('latin1')}", *settings.CSRF_TRUSTED_ORIGINS}
    origin = _site(headers.get(b"origin", b"").decode("latin1"))
    return origin is not None and origin in {_site(url) for url in own}


def _site(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an address; None if it has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
