"""The only writer of the audit log: entries are added at its end, one after the other across all processes, and removed only by their age.

The chain itself is in `dashboard.people.audit_chain`. Entries about an act are written by `dashboard.people.audited`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from dashboard.models import AuditEvent, AuditHead, User
from dashboard.people import audit_chain, origin

log = structlog.get_logger(__name__)

DONE, REFUSED, FAILED = "done", "refused", "failed"
BEGUN, UNCHANGED = "begun", "unchanged"
"""Of an intent, which another entry with its outcome follows; of an act that had nothing to do."""
TRIMMED_AT_ONCE = 20_000


def audit(
    user: User | AnonymousUser | None,
    action: str,
    outcome: str,
    now: datetime,
    *,
    broker: str = "",
    vhost: str = "",
    name: str = "",
    detail: dict[str, Any] | None = None,
    user_name: str = "",
    intent: int | None = None,
) -> AuditEvent:
    """The stored entry. `outcome` is one of the above; `user_name` is the claimed name where no user is known (a failed login); `intent` is the
    number of the entry that this one is the outcome of."""
    person, by = user if isinstance(user, User) else None, origin.current()
    texts = {
        "user_name": person.get_username() if person else user_name[:200],
        "address": by.address[:64],
        "via": by.via[:200],
        "broker": broker,
        "vhost": vhost,
        "name": name,
        "detail": detail or {},
    }
    user_id = person.pk if person else None
    entry = AuditEvent(at=now, user_id=user_id, action=action, outcome=outcome, intent=intent, **audit_chain.storable(texts))
    with transaction.atomic():
        return _append(_head(), entry)


def trim_audit(now: datetime, days: float) -> int:
    """How many entries older than `days` were removed, each time after an entry that states which, so that the rest can still be verified."""
    removed = 0
    while True:
        with transaction.atomic():
            head = _head()
            latest = _last_to_trim(head, now - timedelta(days=days))
            if latest is None:
                return removed
            count = latest.number - head.trimmed_to
            detail = {"removed": count, "removed_to": latest.number, "hash": latest.hash}
            head.trimmed_to = latest.number
            _append(head, AuditEvent(at=now, action=audit_chain.TRIM, outcome=DONE, detail=detail))
            AuditEvent.rows.filter(number__lte=latest.number).delete()
            removed += count


def _last_to_trim(head: AuditHead, before: datetime) -> AuditEvent | None:
    """The last of the entries from the beginning that are all older; None if the first one isn't."""
    limit = min(head.trimmed_to + TRIMMED_AT_ONCE, head.number)
    young = AuditEvent.rows.filter(number__gt=head.trimmed_to, number__lte=limit, at__gte=before).order_by("number").first()
    return AuditEvent.rows.filter(number=young.number - 1 if young else limit, number__gt=head.trimmed_to).first()


def _head() -> AuditHead:
    """The head, locked until the transaction ends. Where it is missing or somebody else changed it, an entry states so."""
    head, _ = AuditHead.objects.select_for_update().get_or_create(pk=1, defaults={"seal": audit_chain.seal(settings.SECRET_KEY, 0, audit_chain.BEGINNING, 0)})
    last = AuditEvent.rows.order_by("-number").first()
    is_last = (last.number, last.hash) == (head.number, head.hash) if last else not head.number
    if is_last and head.seal == audit_chain.seal(settings.SECRET_KEY, head.number, head.hash, head.trimmed_to):
        return head
    log.error("audit_log_sealed_anew", number=head.number, reason="its head is missing, was changed, or belongs to another secret key")
    detail = {"head": head.number, "last": last.number if last else 0}
    if last is not None and last.number >= head.number:
        head.number, head.hash = last.number, last.hash
    _append(head, AuditEvent(at=timezone.now(), action=audit_chain.RESEAL, outcome=FAILED, detail=detail))
    return head


def _append(head: AuditHead, entry: AuditEvent) -> AuditEvent:
    entry.number, entry.previous = head.number + 1, head.hash
    entry.hash = audit_chain.digest(entry)
    entry.save(force_insert=True)
    head.number, head.hash = entry.number, entry.hash
    head.seal = audit_chain.seal(settings.SECRET_KEY, head.number, head.hash, head.trimmed_to)
    head.save()
    return entry
