"""The only reader of the audit log. The writer is `dashboard.store.audit`."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import msgspec
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from brokers.queries.one_moment import one_moment
from brokers.scope import Scope
from dashboard.models import AuditEvent, AuditHead
from dashboard.people import audit_chain
from dashboard.people.audit_chain import Head, Verified

BEGUN, UNKNOWN = "begun", "unknown"
OVERDUE = timedelta(minutes=5)
"""After which an intent without an outcome is taken for one that has none: its process ended before."""
AT_ONCE = 2000


class AuditFilter(msgspec.Struct, frozen=True):
    """Which entries; "" and None are all. `who`, `what` and `where` are parts of names; `outcome` UNKNOWN is an intent that is OVERDUE."""

    who: str = ""
    what: str = ""
    outcome: str = ""
    where: str = ""
    since: datetime | None = None
    until: datetime | None = None


def audit_event(event_id: int, action: str) -> AuditEvent | None:
    """One event of this kind of act."""
    return AuditEvent.objects.filter(pk=event_id, action=action).first()


def audit_events_of(action: str, since: datetime, limit: int = 100) -> list[AuditEvent]:
    """The latest events of this kind of act since then, newest first, those that were refused left out."""
    return list(AuditEvent.objects.filter(action=action, at__gte=since).exclude(outcome="refused").order_by("-at", "-id")[:limit])


def visible_events_of(scope: Scope, action: str, since: datetime, limit: int) -> list[AuditEvent]:
    """The same, of the latest only those whose virtual host may be viewed as a whole."""
    rows = AuditEvent.objects.filter(action=action, at__gte=since).exclude(outcome="refused").order_by("-at", "-id")
    return list(islice((one for one in rows.iterator(chunk_size=AT_ONCE) if scope.covers(one.broker, one.vhost)), limit))


def audit_entries(found: AuditFilter, now: datetime, limit: int, before: int | None = None) -> list[AuditEvent]:
    """The newest entries, or those before a number: outcomes, and intents that have none."""
    rows = _filtered(found, now)
    return list((rows.filter(number__lt=before) if before else rows).order_by("-number")[:limit])


def verify_audit(noted: tuple[int, str] | None = None) -> Verified:
    """Reads the whole log as of one moment."""
    with one_moment():
        head = AuditHead.objects.filter(pk=1).first()
        return audit_chain.verify(AuditEvent.rows.order_by("number").iterator(chunk_size=AT_ONCE), _head(head), noted)


def _head(row: AuditHead | None) -> Head | None:
    if row is None:
        return None
    return Head(row.number, row.hash, row.seal == audit_chain.seal(settings.SECRET_KEY, row.number, row.hash, row.trimmed_to))


def _filtered(found: AuditFilter, now: datetime) -> QuerySet[AuditEvent]:
    with_outcome = Exists(AuditEvent.rows.filter(intent=OuterRef("number")))
    without = Q(outcome=BEGUN) & ~with_outcome
    unknown = without & Q(at__lte=now - OVERDUE)
    rows = AuditEvent.rows.filter(unknown if found.outcome == UNKNOWN else Q(outcome=found.outcome) if found.outcome else ~Q(outcome=BEGUN) | without)
    if found.who:
        rows = rows.filter(Q(user_name__icontains=found.who) | Q(address__icontains=found.who) | Q(via__icontains=found.who))
    if found.what:
        rows = rows.filter(action__icontains=found.what)
    if found.where:
        rows = rows.filter(Q(name__icontains=found.where) | Q(vhost__icontains=found.where) | Q(broker__icontains=found.where))
    if found.since:
        rows = rows.filter(at__gte=found.since)
    return rows.filter(at__lt=found.until) if found.until else rows
