"""The only reader of what people own: users, sessions, API tokens. Writers are in `dashboard.store`."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest
from django.utils import timezone

from dashboard.models import ApiToken, FeedToken, Role, User
from dashboard.people.access import ROLES, Action
from dashboard.people.tokens import digest


def token(plain: str) -> ApiToken | None:
    """The stored token with its user; None if nobody has it, it has expired or the user is no longer active."""
    found = ApiToken.objects.select_related("user").filter(sha256=digest(plain), user__is_active=True).first()
    return None if found is None or (found.expires_at is not None and found.expires_at <= timezone.now()) else found


def person(name: str) -> User | None:
    """The person of this name, disabled ones included."""
    return User.objects.filter(username=name).first()


def people() -> list[User]:
    """Everybody by name, with what they were granted."""
    return list(User.objects.prefetch_related("granted").order_by("username"))


def role_names() -> list[str]:
    """Those that are always there first, then those that people made, by name."""
    return [*ROLES, *Role.objects.exclude(group__name__in=ROLES).order_by("group__name").values_list("group__name", flat=True)]


def role_actions(name: str) -> frozenset[Action]:
    """What the role allows; nothing for one that nobody made."""
    if name in ROLES:
        return ROLES[name]
    found = Role.objects.filter(group__name=name).select_related("group").first()
    return found.allowed() if found else frozenset()


def managers() -> list[User]:
    """The active people who may manage people everywhere: one must remain."""
    return [one for one in people() if one.rights.may("people")]


def feed_token(plain: str) -> FeedToken | None:
    """The token of a feed with its user; None if nobody has it or the user is no longer active."""
    return FeedToken.objects.select_related("user").filter(sha256=digest(plain), user__is_active=True).first()


def feed_tokens(user_id: int) -> list[FeedToken]:
    """A person's own, the newest first."""
    return list(FeedToken.objects.filter(user_id=user_id).order_by("-pk"))


def user_of_session(session_key: str) -> User | None:
    """Who is logged in by this session now; None after logout, expiry, a changed password or when the user was disabled."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request.session.reading = True  # type: ignore[attr-defined]  # dashboard.people.sessions
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def migration_differences() -> tuple[list[str], list[str]]:
    """(migrations of this version that the database lacks, applied ones that this version doesn't know), as "brokers.0001_initial", sorted.

    One query each time; may raise DatabaseError.
    """
    applied = set(MigrationRecorder(connection).applied_migrations())
    required, known = _migrations_of_this_version()
    return _names(required - applied), _names(applied - known)


@functools.cache
def _migrations_of_this_version() -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
    """(those that must be applied, those beside them that an applied one may be: what a squashed migration replaced)."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    found = loader.disk_migrations or {}
    replaced = {(app, name) for migration in found.values() for app, name in migration.replaces}
    return frozenset(found), frozenset(found) | replaced


def _names(migrations: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{app}.{name}" for app, name in sorted(migrations)]
