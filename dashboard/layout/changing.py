"""Whether a person may change something on a broker or its worker nodes now, and why not: their right, HARELINE_CONTROL, the broker's address and state.

Every room that changes something there has the same rules, and differs in its words only.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from brokers.models import Broker
from dashboard import queries, store
from dashboard.layout import amqp_targets, levels
from dashboard.models import User
from dashboard.people import access

MOST, WITHIN = 30, timedelta(minutes=1)
REMEMBERED_SECONDS = 86_400.0
REPEATED = "This was confirmed and sent already, so that nothing was sent again. Look at what came of it, and confirm anew if it is wanted once more."


class Change(msgspec.Struct, frozen=True):
    """A kind of change. `noted`: its name in the audit log; `needs`: the right; `verb` and `doing` are its words ("send", "sending to")."""

    noted: str
    needs: access.Action
    verb: str
    doing: str


def why_not(change: Change, user: User | AnonymousUser, broker: str, vhost: str, queue: str | None = None) -> str:
    """Why this person can't do it there, as a sentence that names what would allow it; "" if they can."""
    if not access.may(user, change.needs, broker, vhost, queue):
        return f"You can view, but not {change.verb}: your role does not allow {change.doing} {broker}."
    if broker not in settings.CONTROL:
        return f"{change.doing[:1].upper()}{change.doing[1:]} {broker} is switched off. To allow it, set HARELINE_CONTROL={broker}, or * for all brokers."
    if amqp_targets.address(broker) is None:
        return f"HARELINE_BROKERS no longer names {broker}, so it cannot be reached."
    return ""


def refusal(change: Change, user: User | AnonymousUser, broker: Broker, vhost: str, now: datetime, queue: str | None = None) -> tuple[str, int]:
    """(why it can't be done there by this person now, "" if it can; the status of the answer: 503 for what passes by itself)."""
    if refused := why_not(change, user, broker.name, vhost, queue) or amqp_targets.refusal(broker):
        return refused, 403
    return levels.blocked_text(broker, now), 503


def is_often(change: Change, user: User | AnonymousUser, now: datetime) -> bool:
    """True for somebody who has done it 30 times in the last minute, as a script in a loop does."""
    done = queries.audit_events_of(change.noted, now - WITHIN, 4 * MOST)
    return sum(event.user_id == user.pk and event.outcome != queries.BEGUN for event in done) >= MOST


def confirmation() -> str:
    """What a form of confirmation posts, so that it is carried out once however often it is sent."""
    return token_hex(8)


def is_repeated(change: Change, user: User | AnonymousUser, confirmed: str, act: str = "") -> bool:
    """True if this person has sent this confirmation before, to whichever web process; False for "", as of a script that has none. Noted here: to be called
    once nothing else is wrong."""
    key = sha256(f"{change.noted} {act} {user.pk} {confirmed}".encode(errors="replace")).hexdigest()
    return bool(confirmed) and not store.once(f"confirmed-{key}", REMEMBERED_SECONDS)


def note_refusal(change: Change, user: User | AnonymousUser, broker: str, vhost: str, name: str, why: str, now: datetime) -> None:
    """An attempt that was not allowed."""
    store.audit(user, change.noted, store.REFUSED, now, broker=broker[:200], vhost=vhost[:255], name=name[:500], detail={"reason": why})
