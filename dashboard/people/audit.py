"""Puts every login, failed login, logout and changed password into the audit log, whichever view it came through."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from dashboard import store
from dashboard.models import User
from dashboard.people.browsers import client_of
from dashboard.store import rights


@receiver(user_logged_in)
def logged_in(user: User, request: HttpRequest, **_: Any) -> None:
    now = timezone.now()
    store.audit(user, "log in", store.DONE, now)
    if request.session.session_key:
        store.begin_session(user.pk, request.session.session_key, *client_of(request), now)


@receiver(user_login_failed)
def login_failed(credentials: dict[str, Any], **_: Any) -> None:
    store.audit(None, "log in", store.FAILED, timezone.now(), user_name=str(credentials.get("username", "")))


def had_to_wait(request: HttpRequest, name: str, wait: timedelta) -> None:
    """A password that was not checked, since others were wrong before it."""
    store.audit(None, "log in", store.REFUSED, timezone.now(), user_name=name, detail={"wait_seconds": round(wait.total_seconds())})


@receiver(user_logged_out)
def logged_out(user: User | None, **_: Any) -> None:
    if user is not None:
        store.audit(user, "log out", store.DONE, timezone.now())


@receiver(password_changed)
def changed_password(request: HttpRequest, user: User, **_: Any) -> None:
    rights.forget_invitation(user)
    store.audit(user, "change password", store.DONE, timezone.now())


@receiver(authenticator_added)
def added_second_factor(user: User, authenticator: Authenticator, **_: Any) -> None:
    store.audit(user, "add second factor", store.DONE, timezone.now(), name=authenticator.type)


@receiver(authenticator_removed)
def removed_second_factor(user: User, authenticator: Authenticator, **_: Any) -> None:
    store.audit(user, "remove second factor", store.DONE, timezone.now(), name=authenticator.type)


@receiver(authenticator_reset)
def made_recovery_codes(user: User, authenticator: Authenticator, **_: Any) -> None:
    store.audit(user, "make recovery codes", store.DONE, timezone.now())


@receiver(authentication_failed)
def wrong_code(user: User, authenticator: Authenticator, **_: Any) -> None:
    store.audit(None, "log in", store.FAILED, timezone.now(), user_name=user.get_username(), detail={"second_factor": authenticator.type})
