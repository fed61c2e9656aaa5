"""The only reader of what people own: users, sessions, API tokens, the audit log. Writers are in `dashboard.store`."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest

from dashboard.models import ApiToken, AuditEvent, User
from dashboard.tokens import digest


def token(plain: str) -> ApiToken | None:
    """The stored token with its user; None if nobody has it or the user is no longer active."""
    return ApiToken.objects.select_related("user").filter(sha256=digest(plain), user__is_active=True).first()


def audit_event(event_id: int, act: str) -> AuditEvent | None:
    """One event of this kind of act."""
    return AuditEvent.objects.filter(pk=event_id, act=act).first()


def audit_events_of(act: str, since: datetime, limit: int = 100) -> list[AuditEvent]:
    """The latest events of this kind of act since then, newest first, those that were refused left out."""
    return list(AuditEvent.objects.filter(act=act, at__gte=since).exclude(outcome="refused").order_by("-at", "-id")[:limit])


def user_of_session(session_key: str) -> User | None:
    """Who is logged in by this session now; None after logout, expiry, a changed password or when the user was disabled."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def missing_migrations() -> list[str]:
    """Names of migrations that this version has and the database has not, "brokers.0001_initial"; reading the database may raise DatabaseError."""
    executor = MigrationExecutor(connection)
    return [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
