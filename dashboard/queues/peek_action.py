"""Peeking at the first messages of a queue: checks permission, peeks once, writes the audit log. Shared by the page and the API.

Messages are shown and never stored: the audit log records who peeked at which queue, not the contents. Only the ids of groups and chords, and stamps, are
kept beside the ids of their tasks, since no event has them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from brokers.models import Broker, Queue
from brokers.visible_reasons import visible_reason
from dashboard import store
from dashboard.layout import amqp_targets
from dashboard.models import User
from dashboard.people import access
from dashboard.people.audited import audited
from dashboard.queues import peek_text
from workers import peek
from workers.errors import Refused, WatchError
from workers.grants import send_grant
from workers.peek import Peek
from workers.seen_messages import canvases
from workers.store import note_canvas

AUDIT_ACTION = "peek at messages"
MOST = peek.MOST_MESSAGES


class PeekFailed(Exception):
    """No message could be read; `str()` is a sentence for the page. `grant`: the command that grants what the broker's user lacks, else ""."""

    def __init__(self, message: str, grant: str = "") -> None:
        super().__init__(message)
        self.grant = grant


def may_not(user: User | AnonymousUser, broker: str, vhost: str, queue: str) -> str:
    """Why this person may not peek at that queue, with what would permit it; "" if they may."""
    if not access.may(user, "peek", broker, vhost, queue):
        return f"You can view queues, but not their messages: peeking takes them out of the queue, which your role does not allow on {broker}."
    if broker not in settings.CONTROL:
        return f"Peeking at messages of {broker} is off. To allow it, name the broker in HARELINE_CONTROL: HARELINE_CONTROL={broker}, or * for all."
    if amqp_targets.address(broker) is None:
        return f"HARELINE_BROKERS no longer names {broker}, so it cannot be reached."
    return ""


def sees_content(user: User | AnonymousUser, broker: str, vhost: str, queue: str) -> bool:
    """True if this person may see the headers and bodies of its messages; else only where they were published, and how large they are."""
    return access.may(user, "bodies", broker, vhost, queue)


def peek_at(user: User | AnonymousUser, broker: Broker, queue: Queue, count: int, now: datetime) -> Peek:
    """The queue’s first messages, which are requeued, without secrets (HARELINE_REDACT), and without their content for whoever may not see it.

    Failed attempts are audited too. Raises PeekFailed.
    """
    targets = amqp_targets.targets(broker, queue.vhost)
    with audited(user, AUDIT_ACTION, broker=broker.name, vhost=queue.vhost, name=queue.name, requested=count) as act:
        try:
            found = peek.peek(targets, queue.name, count)
        except WatchError as error:
            lacks_rights = isinstance(error, Refused) and error.action in ("vhost", "permission")
            act.failed(str(error))
            reason = visible_reason(access.scope_of(user), broker.name, str(error))
            raise PeekFailed(f"Peeking failed: {reason}.", send_grant(targets[0].user, queue.vhost) if lacks_rights else "") from error
        act.detail["shown"] = len(found.messages)
    without_secrets = peek.redacted(found, settings.REDACTION)
    note_canvas(broker.pk, queue.vhost, canvases(without_secrets.messages), now)
    if sees_content(user, broker.name, queue.vhost, queue.name):
        return without_secrets
    return msgspec.structs.replace(found, messages=[msgspec.structs.replace(one, **_NO_CONTENT) for one in found.messages])


_NO_CONTENT: dict[str, Any] = {"properties": {}, "headers": {}, "exact": None, "body": b"", "is_whole": False}


def refused(user: User | AnonymousUser, broker: str, vhost: str, queue: str, why: str, now: datetime) -> None:
    """Records a denied attempt in the audit log."""
    store.audit(user, AUDIT_ACTION, store.REFUSED, now, broker=broker[:200], vhost=vhost[:255], name=queue[:255], detail={"reason": why})


def cannot(queue: Queue) -> str:
    """Why no message can be read from the queue, a sentence; "" if peeking can be tried."""
    return f"{queue.name} has been deleted." if queue.gone_at else peek_text.cannot(queue)
