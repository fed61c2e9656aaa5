"""The addresses of pages that are about no object, by their names in `dashboard.urls`. Every page has some forty of them, and Django looks each one up
anew, which took a twentieth of a page."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf, reverse


def address_of(name: str) -> str:
    """As `reverse` without arguments."""
    return _looked_up(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())


@lru_cache(maxsize=512)
def _looked_up(name: str, urls: str, _prefix: str) -> str:
    return reverse(name, urls)
