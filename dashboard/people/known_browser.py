"""A signed cookie by which a browser that somebody logged in from is known again: its wrong passwords are counted apart from those of its address.

It logs nobody in. It holds a random number and the names that used the browser, as keys that can't be read.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from dashboard.people.login_delays import key

COOKIE = "hareline_browser"
SALT = "hareline.known-browser"
MAX_AGE_SECONDS = 180 * 86400
MOST_NAMES = 5


def number_of(request: HttpRequest, name: str) -> str:
    """The number of the browser if `name` has logged in from it before; else ""."""
    known = _read(request)
    return known["number"] if _name_key(name) in known["names"] else ""


def remember(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Lets the response give the browser its cookie, with this name added."""
    known, own = _read(request), _name_key(name)
    names = [own, *(other for other in known["names"] if other != own)][:MOST_NAMES]
    value = signing.dumps({"number": known["number"] or secrets.token_hex(16), "names": names}, salt=SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=MAX_AGE_SECONDS,
        path=resolve_url(settings.LOGIN_URL),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return {"number": "", "names": []}
    return {"number": str(found["number"]), "names": list(found["names"])}


def _name_key(name: str) -> str:
    return key(settings.SECRET_KEY, "name", name)
