"""Marks of moments: what may be recorded, by whom, and the entry in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser

from brokers.characters import is_storable
from brokers.models import Broker
from dashboard import store
from dashboard.models import Mark, User
from dashboard.people import access
from dashboard.people.audited import audited

ACTION, REMOVE_ACTION = "add mark", "remove mark"
LONGEST_TITLE, LONGEST_URL = 200, 1000
AHEAD = timedelta(minutes=5)
"""How far the clock of whoever marks a moment may be ahead of ours."""


def why_not(user: User | AnonymousUser, broker: Broker | None) -> str:
    """Why this person can't mark a moment of the broker (None: of all brokers), as a sentence; "" if they can."""
    if access.may(user, "silence", broker.name if broker else None):
        return ""
    where = f"of the whole broker {broker.name}" if broker else "of all brokers"
    return f"You can't mark moments {where}: your role does not allow it there."


def url_problem(url: str) -> str:
    """What is wrong with an address; "" if it may be stored and linked to.

    >>> url_problem("https://ci.example.org/1"), url_problem("javascript:alert(1)")[:7]
    ('', 'Only an')
    """
    if len(url) > LONGEST_URL:
        return f"At most {LONGEST_URL:,} characters."
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not is_storable(url) or any(character.isspace() for character in url):
        return "Only an address that begins with http:// or https:// can be linked to."
    return "Leave the login out of the address: everybody who sees the mark would see it." if "@" in parts.netloc else ""


def problems(title: str, url: str, at: datetime | None, now: datetime) -> dict[str, str]:
    """{field: what is wrong with it}, {} if it may be stored."""
    found = {}
    if not title.strip():
        found["title"] = "A title is needed, such as the name of what was deployed."
    elif len(title.strip()) > LONGEST_TITLE or not is_storable(title):
        found["title"] = f"At most {LONGEST_TITLE} characters of text."
    if url and (wrong := url_problem(url)):
        found["url"] = wrong
    if at is None:
        found["at"] = "A time is needed, as -5min or 2026-11-24 14:20."
    elif at > now + AHEAD:
        found["at"] = "A mark is of a moment that has passed."
    elif at < now - store.MARKS_KEPT:
        found["at"] = f"Marks are kept for {store.MARKS_KEPT.days} days."
    return found


def add(user: User | AnonymousUser, title: str, url: str, at: datetime, broker: Broker | None, now: datetime) -> Mark:
    """Stores what was checked."""
    unsaved = Mark(at=at, title=title.strip(), url=url, broker=broker, made_by=user.get_username()[:150], made_at=now)
    with audited(user, ACTION, broker=broker.name if broker else "", name=unsaved.title, at=at.isoformat(), url=url) as act:
        stored = store.add_mark(unsaved)
        act.detail["mark"] = stored.pk
    return stored


def may_remove(user: User | AnonymousUser, mark: Mark) -> bool:
    """True of one's own marks, while one may still make them there."""
    return mark.made_by == user.get_username() and not why_not(user, mark.broker)


def remove(user: User | AnonymousUser, mark: Mark, now: datetime) -> str:
    """Removes it; why not, if this person may not."""
    place: dict[str, Any] = {"broker": mark.broker.name if mark.broker else "", "name": mark.title}
    if not may_remove(user, mark):
        refused = "You can only remove marks that you made."
        store.audit(user, REMOVE_ACTION, store.REFUSED, now, **place, detail={"mark": mark.pk, "reason": refused})
        return refused
    with audited(user, REMOVE_ACTION, **place, mark=mark.pk, at=mark.at.isoformat()) as act:
        if not store.remove_mark(mark):
            act.unchanged()
    return ""


def note_refusal(user: User | AnonymousUser, title: str, broker: Broker | None, why: str, now: datetime) -> None:
    store.audit(user, ACTION, store.REFUSED, now, broker=broker.name if broker else "", name=title[:LONGEST_TITLE], detail={"reason": why})
