"""Who gets an account (nobody by themselves: an admin makes them), when a password is checked, and where a login leads."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from dashboard import store
from dashboard.people import audit, known_browser, login_delays
from dashboard.people.inside import is_inside

TOO_EARLY = "too early"
"""The code of the error that has `seconds` among its parameters."""


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {"username_password_mismatch": "The user name or the password is wrong."}

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address as `dashboard.proxies` found it; whoever comes through a unix socket without one is on this machine."""
        return str(request.META.get("REMOTE_ADDR") or "127.0.0.1")

    def is_safe_url(self, url: str) -> bool:
        return is_inside(url, context.request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts the try, before the password is checked; raises ValidationError with TOO_EARLY for one that has to wait."""
        name = str(credentials.get("username", ""))
        self._tried = store.begin_login(name, self.get_client_ip(request), known_browser.number_of(request, name), timezone.now())
        if not self._tried.wait:
            return
        if self._tried.first:
            audit.had_to_wait(request, name, self._tried.wait)
        raise ValidationError(login_delays.text(self._tried.wait), code=TOO_EARLY, params={"seconds": login_delays.whole_seconds(self._tried.wait)})

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        user = super().authenticate(request, **credentials)
        if user is not None and user.is_active:
            store.end_login(self._tried)
        return user
