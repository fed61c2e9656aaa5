"""Where a request comes from: the client's address and its browser in a few words."""

from __future__ import annotations

import re

from django.http import HttpRequest

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("FxiOS/", "Firefox"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def client_of(request: HttpRequest) -> tuple[str, str]:
    """(address, as `dashboard.proxies` found it, what the browser calls itself)."""
    return str(request.META.get("REMOTE_ADDR") or "127.0.0.1"), str(request.META.get("HTTP_USER_AGENT", ""))


def browser_text(agent: str) -> str:
    """The browser as people know it.

    >>> browser_text("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    >>> browser_text("curl/8.1"), browser_text("")
    ('curl', 'Unknown browser')
    """
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    program = re.match(r"[\w.-]{1,40}", agent)
    return program[0] if program else "Unknown browser"
