"""Which addresses a person may be sent back to: paths of Hareline itself, and of nothing else that its host serves."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_inside(url: str, request: HttpRequest) -> bool:
    """True for a path under the path prefix, with or without this request's own scheme and host before it."""
    if not url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return False
    parts = urlsplit(url)
    dots = {".", "..", "%2e", "%2e%2e", ".%2e", "%2e."} & set(parts.path.lower().split("/"))  # browsers resolve them, and leave the prefix
    return parts.path.startswith(f"{settings.PATH_PREFIX}/") and not dots
