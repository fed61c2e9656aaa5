"""The panel "Sent from here": what was sent lately, by anyone, and what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries as broker_queries
from brokers.scope import Scope
from dashboard import queries
from dashboard.models import AuditEvent
from dashboard.send import action as sending
from dashboard.send.follow import Follow

DAYS, MOST = 7, 8


class Before(msgspec.Struct, frozen=True):
    """One that was sent before."""

    event: AuditEvent
    level: str
    words: str
    open_address: str
    again_address: str
    goes_on: bool


def sent_before(scope: Scope, now: datetime) -> list[Before]:
    """The newest first, of places that may be viewed as a whole."""
    return [_before(scope, event, now) for event in queries.visible_events_of(scope, sending.ACTION, now - timedelta(days=DAYS), MOST)]


def _before(scope: Scope, event: AuditEvent, now: datetime) -> Before:
    broker = broker_queries.broker(scope, event.broker)
    follow = Follow(scope, event, broker, now) if broker and event.detail.get("uuid") else None
    level, words = follow.summary if follow else ("unknown", "unknown")
    address = address_of(event.broker, event.vhost)
    short = "waiting" if words.startswith("sent, waiting") else words
    return Before(event, level, short, f"{address}&sent={event.pk}", f"{address}&again={event.pk}", follow is not None and follow.goes_on)


def address_of(broker: str, vhost: str) -> str:
    """The send page of a virtual host."""
    return f"{reverse('send')}?{urlencode({'broker': broker, 'vhost': vhost})}"
