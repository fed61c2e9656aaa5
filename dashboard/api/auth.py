"""Authentication of calls, by token or session. `dashboard.middleware` refuses strangers before; this declares both schemes to ninja and OpenAPI."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer


class Token(HttpBearer):
    """`Authorization: Bearer <token>`: no cookie is involved, so no CSRF check."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return request.user if hasattr(request, "api_token") else None


class Session(APIKeyCookie):
    """The session of the pages; calls that change something need the CSRF token too (ninja checks it)."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return request.user if request.user.is_authenticated and request.user.is_active and not hasattr(request, "api_token") else None
