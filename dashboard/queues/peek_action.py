"""Looking at the first messages of a queue for a person: may they, do it once, and note it. Used by the page and by the API alike.

What is seen is shown and never stored: the audit log says who looked where, not what at.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from brokers.models import Broker, Queue
from dashboard import store
from dashboard.layout import amqp_targets
from dashboard.models import User
from dashboard.people import access
from dashboard.queues import peek_text
from workers import peek
from workers.errors import WatchError
from workers.peek import Peek

ACT = "look at messages"
MOST = peek.MOST_MESSAGES


class Failed(Exception):
    """Nothing could be seen; `str()` is a sentence fit for the page."""


def may_not(user: User | AnonymousUser, broker: str, vhost: str, queue: str) -> str:
    """Why this person can't look at messages there, in a sentence that says what would allow it; "" if they can."""
    if not access.may(user, "control", broker, vhost, queue):
        return f"You may look at queues, but not at their messages: taking them out of a queue of {broker} needs an administrator’s account."
    if broker not in settings.CONTROL:
        return (
            f"Looking at messages of {broker} is switched off. It is allowed where HARELINE_CONTROL names the broker: HARELINE_CONTROL={broker}, or * for all."
        )
    if amqp_targets.address(broker) is None:
        return f"HARELINE_BROKERS no longer names {broker}, so there is no way to reach it."
    return ""


def look(user: User | AnonymousUser, broker: Broker, queue: Queue, count: int, now: datetime) -> Peek:
    """The queue's first messages, which are given back. Noted in the audit log, the tries that failed as well. Raises Failed."""
    try:
        found = peek.peek(amqp_targets.targets(broker, queue.vhost), queue.name, count)
    except WatchError as error:
        _note(user, store.FAILED, broker.name, queue.vhost, queue.name, now, asked=count, reason=str(error))
        raise Failed(f"No message could be looked at: {error}.") from error
    _note(user, store.DONE, broker.name, queue.vhost, queue.name, now, asked=count, shown=len(found.messages))
    return found


def refused(user: User | AnonymousUser, broker: str, vhost: str, queue: str, why: str, now: datetime) -> None:
    """Notes an attempt that was not allowed."""
    _note(user, store.REFUSED, broker[:200], vhost[:255], queue[:255], now, reason=why)


def cannot(queue: Queue) -> str:
    """Why the queue gives no message out, a sentence; "" if it can be tried."""
    return f"{queue.name} is gone." if queue.gone_at else peek_text.cannot(queue)


def _note(user: User | AnonymousUser, outcome: str, broker: str, vhost: str, queue: str, now: datetime, **detail: Any) -> None:
    store.audit(user, ACT, outcome, now, broker=broker, vhost=vhost, name=queue, detail=detail)
