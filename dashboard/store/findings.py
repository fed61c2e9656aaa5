"""The only writer of findings: what a round makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import compress
from operator import attrgetter, ne
from typing import Any

import msgspec
from django.db import transaction

from brokers.models import Broker
from brokers.store.revisions import revise
from brokers.store.rows import update_rows
from dashboard.findings.lifecycle import Step, earlier, explains_on
from dashboard.findings.rule import Found, body_of
from dashboard.layout.levels import rank
from dashboard.models import Finding, FindingEvent, FindingRound

NOT_WATCHED = "its broker is no longer configured"
_FIELDS = (
    "level", "worst_level", "title", "short", "since", "since_at_least", "seen_at", "absent_since", "lower_since", "unsure", "closed_at", "close_reason",
    "returned", "again_since", "object_id", "under_id",
)  # fmt: skip
_values = attrgetter(*_FIELDS)


def save_round(
    broker: Broker | None,
    steps: Sequence[Step],
    open_now: Mapping[str, Finding],
    closed_lately: Mapping[str, Finding],
    now: datetime,
    *,
    took_ms: float,
    rules: int,
    failed: Sequence[str],
    unsure: Mapping[str, str],
    bodies: dict[int, bytes],
) -> list[FindingEvent]:
    """What changed, as it was stored. In one transaction; raises IntegrityError where another process opened the same finding meanwhile: the next round
    goes on from what that one stored. `bodies`: by their keys, digests of those that this process stored last, kept
    for the next round; changed here."""
    with transaction.atomic():
        rows, events = dict(open_now), []
        changed: list[Finding] = []
        before = {row.id: _values(row) for row in (*open_now.values(), *closed_lately.values())}
        for step in steps:
            row = closed_lately[step.identity] if step.what == "returned" else rows.get(step.identity)
            if row is None:
                if step.found is None:
                    continue
                row = _opened(step.found, step, broker, now)
            else:
                changed.append(row)
            rows[step.identity] = row
            events += _applied(row, step, now)
        _explain(steps, rows, changed, now)
        _update(changed, before, bodies)
        if events:
            FindingEvent.objects.bulk_create(events)
        done = {"at": now, "took_ms": took_ms, "rules": rules, "failed": list(failed), "unsure": dict(unsure)}
        if not FindingRound.objects.filter(broker=broker).update(**done):
            FindingRound.objects.create(broker=broker, **done)
        if events:  # pages learn of it with the next look of the tail; what is wrong with Hareline itself is on the pages of all brokers
            revise({broker.pk if broker else None})
    still = {row.id: row for row in rows.values() if row.closed_at is None}
    now_stored = {pk: digest for pk, row in still.items() if (digest := _digest(row) or bodies.get(pk))}
    bodies.clear()
    bodies.update(now_stored)
    return events


def _digest(row: Finding) -> bytes | None:
    """Of its body; None if that was not read: then it has not changed."""
    body = row.__dict__.get("body")
    return None if body is None else hashlib.blake2b(msgspec.json.encode(body), digest_size=16).digest()


def _update(rows: Iterable[Finding], before: Mapping[int, Sequence[Any]], bodies: Mapping[int, bytes]) -> None:
    """Writes what differs: of most findings that they were seen again, which is one statement for all of them."""
    by_fields: dict[tuple[str, ...], list[Finding]] = {}
    for row in rows:
        fields = tuple(compress(_FIELDS, map(ne, _values(row), before[row.id]))) if row.id in before else _FIELDS
        digest = _digest(row)
        if digest is not None and digest != bodies.get(row.id):
            fields += ("body",)
        by_fields.setdefault(fields, []).append(row)
    for fields, some in by_fields.items():
        if fields == ("seen_at",) and len({row.seen_at for row in some}) == 1:
            Finding.objects.filter(pk__in=[row.id for row in some]).update(seen_at=some[0].seen_at)
        elif fields:
            update_rows(Finding, fields, [(row.id, [getattr(row, name) for name in fields]) for row in some])


def _opened(found: Found, step: Step, broker: Broker | None, now: datetime) -> Finding:
    return Finding.objects.create(
        identity=step.identity,
        rule=found.rule,
        level=found.level,
        worst_level=found.level,
        broker=broker,
        vhost=found.object.vhost,
        kind=found.object.kind,
        name=found.object.name,
        opened_at=now,
        seen_at=now,
        **_seen(found),
    )


def _seen(found: Found) -> dict[str, Any]:
    return {
        "object_id": found.object.pk,
        "title": found.whole_title,
        "short": found.short,
        "since": found.since,
        "since_at_least": found.since_at_least,
        "body": body_of(found),
    }


def _applied(row: Finding, step: Step, now: datetime) -> list[FindingEvent]:
    """Changes the row, and returns what is worth keeping of that."""
    if step.found is not None:
        began = row.since, row.since_at_least
        for name, value in _seen(step.found).items():
            setattr(row, name, value)
        if step.what == "seen":
            row.since, row.since_at_least = earlier(began, (row.since, row.since_at_least))
        row.seen_at, row.absent_since, row.unsure, row.lower_since = now, None, "", step.lower_since
        before, row.level = row.level, step.level
        row.worst_level = min(row.worst_level, step.level, key=rank)
        if step.what == "returned":
            row.again_since = _again_since(row, now)
            row.closed_at, row.close_reason, row.returned = None, "", row.returned + 1
        if step.what in ("opened", "returned"):
            return [FindingEvent(finding=row, at=now, kind=step.what, level=step.level, text=row.title)]
        return [FindingEvent(finding=row, at=now, kind="level", level=step.level, text=row.title)] if before != step.level else []
    if step.what == "unsure":
        row.unsure = step.why
        return []
    row.absent_since, row.unsure = step.absent_since, ""
    if step.what != "closed":
        return []
    row.closed_at, row.close_reason = now, "cleared"  # under what it was stays, so that the past is grouped too
    return [FindingEvent(finding=row, at=now, kind="closed", level=row.level)]


def _again_since(row: Finding, now: datetime) -> datetime:
    """When it began again, by its evidence where that is of after it closed."""
    return row.since if row.since is not None and row.closed_at is not None and row.since > row.closed_at else now


def _explain(steps: Iterable[Step], rows: Mapping[str, Finding], changed: list[Finding], now: datetime) -> None:
    """Puts each finding under the open one that explains it, which may be one about Hareline itself. One that is just not seen, or unknown, stays where it
    is, and one whose cause is just cured stays there for a while."""
    wanted = {step.identity: step.found.under if step.found is not None else step.under for step in steps}
    known = {key: row for key, row in rows.items() if row.closed_at is None}
    elsewhere = {key for key in wanted.values() if key and key not in rows}
    if elsewhere:
        known |= {row.identity: row for row in Finding.objects.filter(identity__in=elsewhere, broker=None, closed_at=None)}
    causes = {row.pk: row for row in (*rows.values(), *known.values())}
    away = {row.under_id for row in known.values() if row.under_id is not None} - causes.keys()
    if away:
        causes |= {row.pk: row for row in Finding.objects.filter(pk__in=away).defer("body")}
    for step in steps:
        row = known.get(step.identity)
        if row is None:
            continue
        above = known.get(wanted[step.identity]) if wanted[step.identity] != step.identity else None
        above_id = above.pk if above is not None else row.under_id if _stays_under(causes.get(row.under_id or 0), step, now) else None
        if row.under_id != above_id:
            row.under_id = above_id
            if row not in changed:
                changed.append(row)


def _stays_under(cause: Finding | None, step: Step, now: datetime) -> bool:
    return cause is not None and (explains_on(cause, now) or (step.found is None and cause.closed_at is None))


def close_of_other_brokers(now: datetime) -> int:
    """How many findings were closed of brokers that HARELINE_BROKERS no longer names: nobody looks at these."""
    open_there = Finding.objects.filter(closed_at=None, broker__configured=False)
    if not open_there.exists():
        return 0
    with transaction.atomic():
        rows = list(open_there.only("pk", "level", "broker_id"))
        Finding.objects.filter(pk__in=[row.pk for row in rows]).update(closed_at=now, close_reason=NOT_WATCHED, unsure="")
        FindingEvent.objects.bulk_create([FindingEvent(finding=row, at=now, kind="closed", level=row.level, text=NOT_WATCHED) for row in rows])
        revise({None})
    return len(rows)


def delete_old_findings(now: datetime, days: float) -> int:
    """How many findings that closed more than `days` ago were deleted, with what happened to them."""
    return Finding.objects.filter(closed_at__lt=now - timedelta(days=days)).delete()[1].get("dashboard.Finding", 0)
