"""The only writer of targets and of the messages to them. Every function is one short transaction."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max

from brokers.store.revisions import revise
from dashboard.models import Delivery, DeliveryItem, Finding, FindingEvent, Notice, Target
from dashboard.notifications.backoff import gives_up, pause
from dashboard.notifications.decisions import Decision, key_of

MOST_ITEMS = 1_000
"""What opened together beyond that is another message."""
_KINDS = {"opened": Delivery.OPENED, "returned": Delivery.OPENED, "level": Delivery.OPENED, "repeated": Delivery.REPEATED, "recovered": Delivery.RECOVERED}


def save_target(target: Target, changed: Collection[str] = ()) -> bool:
    """Stores a new one, or these fields of one that is there: the others may have changed meanwhile. It is tried at once. False if it was removed meanwhile.
    Raises IntegrityError where another has its name."""
    target.next_try_at = None
    with transaction.atomic():
        if target.pk is None:
            target.save()
            return True
        values = {name: getattr(target, name) for name in {*changed, "next_try_at"}}
        return Target.objects.filter(pk=target.pk).update(**values) == 1


def replace_secret(target: Target, secret: str) -> int:
    """How many were replaced: none where the target was changed meanwhile."""
    return Target.objects.filter(pk=target.pk, secret=target.secret).update(secret=secret)


def pause_target(pk: int, paused: bool, now: datetime) -> int:
    return Target.objects.filter(pk=pk).update(paused=paused, changed_at=now, next_try_at=None)


def remove_target(pk: int) -> None:
    """With its messages, those that wait too."""
    Target.objects.filter(pk=pk).delete()


def save_decisions(
    decisions: Sequence[Decision], events: Sequence[FindingEvent], why_not: Mapping[int, str], group_seconds: Mapping[int, float], now: datetime
) -> int:
    """How many findings were put into messages. In one transaction with the events that are planned by it, so that none is lost and none is twice.

    `group_seconds` by target. Raises IntegrityError where another process did the same meanwhile: the next round decides anew.
    """
    with transaction.atomic():
        waiting = _Waiting({one.recipient.pk for one in decisions if one.event}, group_seconds, now)
        items = []
        for decision in decisions:
            if decision.event is not None:
                delivery = waiting.delivery_for(decision.recipient.pk, _KINDS[decision.event], decision.finding.pk)
                key = key_of(decision.finding, decision.event, now)
                items.append(DeliveryItem(delivery=delivery, finding=decision.finding, key=key, event=decision.event))
        DeliveryItem.objects.bulk_create(items, batch_size=200)
        last = {(one.recipient.pk, one.finding.pk): one for one in decisions}
        Notice.objects.bulk_create(
            [Notice(target_id=target, finding_id=pk, open=one.open, level=one.finding.level, at=now) for (target, pk), one in last.items()],
            batch_size=200,
            update_conflicts=True,
            unique_fields=["target", "finding"],
            update_fields=["open", "level", "at"],
        )
        ids = [event.pk for event in events]
        for start in range(0, len(ids), 500):
            FindingEvent.objects.filter(pk__in=ids[start : start + 500]).update(planned=True)
        _note(why_not.items(), "not notified", now)
        return len(items)


class _Waiting:
    """The messages to which findings may still be added: nobody has tried to send them."""

    def __init__(self, targets: Iterable[int], group_seconds: Mapping[int, float], now: datetime) -> None:
        self._group_seconds, self._now = group_seconds, now
        rows = Delivery.objects.filter(target_id__in=list(targets), state=Delivery.WAITING, attempts=0).annotate(size=Count("items")).order_by("id")
        self._latest: dict[tuple[int, str], Delivery] = {(one.target_id, one.kind): one for one in rows}
        self._sizes = {one.pk: one.size for one in rows}
        found = DeliveryItem.objects.filter(delivery__in=[one.pk for one in rows]).values_list("delivery__target_id", "finding_id")
        self._last = {(target, finding): last for target, finding, last in found.annotate(last=Max("delivery_id"))}

    def delivery_for(self, target: int, kind: str, finding: int) -> Delivery:
        """What happens to a finding later is in no earlier message."""
        found = self._latest.get((target, kind))
        if found is None or self._sizes[found.pk] >= MOST_ITEMS or found.pk < self._last.get((target, finding), 0):
            found = _new_delivery(target, kind, self._now, 0.0 if kind == Delivery.REPEATED else self._group_seconds.get(target, 0.0))
            self._latest[target, kind], self._sizes[found.pk] = found, 0
        self._sizes[found.pk] += 1
        self._last[target, finding] = found.pk
        return found


def _new_delivery(target: int, kind: str, now: datetime, group_seconds: float) -> Delivery:
    return Delivery.objects.create(
        key=secrets.token_hex(16), target_id=target, kind=kind, planned_at=now, due_at=now + timedelta(seconds=group_seconds), state=Delivery.WAITING
    )


def plan_digest(target: Target, findings: Sequence[Finding], now: datetime) -> Delivery:
    """The message of the day, with these findings."""
    with transaction.atomic():
        delivery = _new_delivery(target.pk, Delivery.DIGEST, now, 0.0)
        items = [DeliveryItem(delivery=delivery, finding=one, key=key_of(one, "opened", now), event="opened") for one in findings[:MOST_ITEMS]]
        DeliveryItem.objects.bulk_create(items, batch_size=200)
        Target.objects.filter(pk=target.pk).update(digest_at=now)
        return delivery


def begin_attempt(delivery: Delivery, now: datetime) -> bool:
    """Stored before anything is sent: from now on nothing is added to the message. False where nothing is left to send: it is removed."""
    with transaction.atomic():
        if not delivery.attempts and delivery.kind == Delivery.OPENED and _leave_out_explained(delivery, now):
            delivery.delete()
            return False
        Delivery.objects.filter(pk=delivery.pk).update(attempts=F("attempts") + 1, tried_at=now)
        Target.objects.filter(pk=delivery.target_id).update(tried_at=now)
    delivery.attempts += 1
    return True


def _leave_out_explained(delivery: Delivery, now: datetime) -> bool:
    """Takes out what another finding came to explain while the message waited, if the target is notified of that one; whether nothing is left."""
    known = Notice.objects.filter(target_id=delivery.target_id, open=True).values("finding")
    items = delivery.items.filter(event__in=("opened", "returned"), finding__closed_at=None, finding__under__in=known)
    found = list(items.values_list("finding_id", flat=True))
    if not found:
        return False
    items.filter(finding_id__in=found).delete()
    Notice.objects.filter(target_id=delivery.target_id, finding_id__in=found).delete()
    _note(((pk, "explained by another finding") for pk in found), "not notified", now)
    return not delivery.items.exists()


def save_sent(delivery: Delivery, note: str, now: datetime) -> None:
    """`note` is what was not quite right: "1 of 2 recipients was refused"."""
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.SENT, ended_at=now, error=note)
        reached(delivery.target_id, now)
        findings = delivery.items.values_list("finding_id", flat=True) if delivery.kind != Delivery.DIGEST else []
        _note(((pk, delivery.target.name) for pk in findings), "notified", now)


def save_failure(delivery: Delivery, error: str, random: float, now: datetime) -> bool:
    """Whether the message was given up."""
    with transaction.atomic():
        ended = gives_up(delivery.attempts, delivery.planned_at, now)
        changed = {"state": Delivery.FAILED, "ended_at": now} if ended else {}
        Delivery.objects.filter(pk=delivery.pk).update(error=error, **changed)
        missed(delivery.target_id, error, random, now)
        if ended:
            findings = delivery.items.values_list("finding_id", flat=True)
            _note(((pk, f"{delivery.target.name} could not be reached: {error}") for pk in findings), "not notified", now)
        return ended


def reached(target: int, now: datetime) -> None:
    """A message or a ping to the target succeeded."""
    Target.objects.filter(pk=target).update(last_success_at=now, tried_at=now, failures=0, failing_since=None, next_try_at=None, last_error="")


def missed(target: int, error: str, random: float, now: datetime) -> None:
    """A message or a ping to the target failed; the next one waits."""
    row = Target.objects.filter(pk=target).first()
    if row is not None:
        row.failures, row.last_failure_at, row.last_error, row.tried_at = row.failures + 1, now, error, now
        row.failing_since = row.failing_since or now
        row.next_try_at = now + pause(row.failures, random)
        row.save(update_fields=["failures", "last_failure_at", "last_error", "tried_at", "failing_since", "next_try_at"])


def _note(findings: Iterable[tuple[int, str]], kind: str, now: datetime) -> None:
    """Writes it into the history of each finding: (primary key, text). Their pages learn of it with the next look of the tail."""
    rows = [FindingEvent(finding_id=pk, at=now, kind=kind, text=text, planned=True) for pk, text in findings]
    if rows:
        FindingEvent.objects.bulk_create(rows, batch_size=200)
        some = [row.finding_id for row in rows[:500]]
        brokers = set(Finding.objects.filter(pk__in=some).values_list("broker_id", flat=True))
        revise(brokers)


def trim_deliveries(now: datetime, days: float) -> int:
    """How many messages that ended more than `days` ago were deleted."""
    deleted: dict[str, Any] = Delivery.objects.filter(ended_at__lt=now - timedelta(days=days)).delete()[1]
    return int(deleted.get("dashboard.Delivery", 0))
