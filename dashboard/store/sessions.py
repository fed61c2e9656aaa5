"""The only writer of who is logged in from where: one row a session, beside Django's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address

import structlog
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q

from brokers.database import engine

log = structlog.get_logger(__name__)
TOUCH_AT_MOST_EVERY = timedelta(minutes=1)
MOST_NOTED = 10_000
LATER_ROW = Q(last_seen_at=OuterRef("last_seen_at"), pk__gt=OuterRef("pk"))
_noted: dict[str, datetime] = {}
"""When this process last noted each session, so that a page need not read it."""


def begin_session(user_id: int, key: str, address: str, agent: str, now: datetime) -> None:
    """Somebody has logged in."""
    values = {"user_id": user_id, "ip": _storable(address), "user_agent": agent[:200], "last_seen_at": now}
    UserSession.objects.update_or_create(session_key=key, defaults=values, create_defaults=values | {"created_at": now})
    _note(key, now)


def touch_session(user_id: int, key: str, address: str, agent: str, now: datetime) -> None:
    """Notes that the session is used and from where, at most once a minute, only if the database can be written at once: a page neither waits nor
    fails because of it."""
    known = _noted.get(key)
    if known is not None and timedelta(0) <= now - known < TOUCH_AT_MOST_EVERY:
        return
    _note(key, now)
    try:
        with engine.waiting_at_most(0):
            begin_session(user_id, key, address, agent, now)
    except DatabaseError as error:
        log.debug("the use of a session was not noted", reason=str(error))


def end_session(user_id: int, pk: int) -> None:
    """Logs one browser of the person out, if they have this session."""
    _end(list(UserSession.objects.filter(user_id=user_id, pk=pk).values_list("session_key", flat=True)))


def end_other_sessions(user_id: int, key: str | None) -> int:
    """How many other browsers were logged out; all without a `key`."""
    return _end(list(UserSession.objects.filter(user_id=user_id).exclude(session_key=key or "").values_list("session_key", flat=True)))


def trim_sessions() -> int:
    """How many sessions are over and were forgotten; the latest of each person stays, for when they were last seen."""
    logged_in = Exists(Session.objects.filter(session_key=OuterRef("session_key")))
    later = Exists(UserSession.objects.filter(user=OuterRef("user")).filter(Q(last_seen_at__gt=OuterRef("last_seen_at")) | LATER_ROW))
    return UserSession.objects.filter(~logged_in, later).delete()[0]


def _end(keys: list[str]) -> int:
    with transaction.atomic():
        Session.objects.filter(session_key__in=keys).delete()
        return UserSession.objects.filter(session_key__in=keys).delete()[0]


def _note(key: str, now: datetime) -> None:
    if len(_noted) >= MOST_NOTED:
        _noted.clear()
    _noted[key] = now


def _storable(address: str) -> str:
    """An address without its zone; whoever comes through a unix socket is on this machine."""
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return "127.0.0.1"
