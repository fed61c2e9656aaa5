"""Stores changes, and who made them as far as the broker's events say so; inside the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from brokers.change_details import detail_of
from brokers.diff import ChangeText
from brokers.models import Change, DefinitionActor
from brokers.stats import Actor

ACTORS_KEPT = timedelta(minutes=10)
MOST_ACTORS = 2_000
CLOCKS_APART = timedelta(seconds=15)
"""By how much an event may seem to be from before the one poll or from after the other: another process notes it, and a little later."""
LONGEST_WHO = 255
_ACTED = ("exchange", "queue", "binding", "policy", "operator_policy", "permission", "user", "vhost")
_EVENTS = {"added": ("added", "set"), "changed": ("set", "added"), "gone": ("gone",)}
"""What an event says of a change of each sort: policies and permissions are set, whether they were there before or not."""


def save_changes(broker_id: int, changes: Iterable[ChangeText], at: datetime, earlier_at: datetime | None = None) -> None:
    """Stores what changed between two polls, `earlier_at` None where the earlier one is not known."""
    rows = [_row(broker_id, found, at, found.earlier_at or earlier_at) for found in changes]
    acted = [row for row in rows if row.kind in _ACTED and row.name and row.who is None]
    if acted:
        start = min(_start(row) for row in acted)
        _attribute(acted, DefinitionActor.objects.filter(broker_id=broker_id, at__gte=start, at__lte=at + CLOCKS_APART))
    Change.objects.bulk_create(rows)


def _row(broker_id: int, found: ChangeText, at: datetime, earlier_at: datetime | None) -> Change:
    before, after = (None if detail is None else detail_of(detail) for detail in (found.before, found.after))
    where = {"kind": found.kind, "what": found.what, "vhost": found.vhost, "name": found.name}
    return Change(broker_id=broker_id, at=at, earlier_at=earlier_at, **where, text=found.text, before=before, after=after, who=found.who)


def note_actors(broker_id: int, actors: Sequence[Actor], now: datetime) -> None:
    """Stores who changed definitions, and adds it to changes that polls have stored just before."""
    rows = [
        DefinitionActor(broker_id=broker_id, at=now, kind=one.kind, what=one.what, vhost=one.vhost, name=one.name, who=one.who[:LONGEST_WHO])
        for one in actors[-MOST_ACTORS:]
    ]
    DefinitionActor.objects.filter(broker_id=broker_id, at__lt=now - ACTORS_KEPT).delete()
    DefinitionActor.objects.bulk_create(rows)
    lately = list(Change.objects.filter(broker_id=broker_id, at__gte=now - CLOCKS_APART, who=None, kind__in=_ACTED).exclude(name=""))
    if lately:
        start = min(_start(row) for row in lately)
        named = _attribute(lately, DefinitionActor.objects.filter(broker_id=broker_id, at__gte=start))
        Change.objects.bulk_update(named, ["who"])


def _attribute(rows: Collection[Change], actors: Iterable[DefinitionActor]) -> list[Change]:
    """Sets `who` of those that one user alone may have made; returns them."""
    by_object: dict[tuple[str, str, str], list[DefinitionActor]] = defaultdict(list)
    for actor in actors:
        by_object[actor.kind, actor.vhost, actor.name].append(actor)
    named = []
    for row in rows:
        kind = "policy" if row.kind == "operator_policy" else row.kind  # their events are alike
        found = by_object.get((kind, row.vhost, row.name), ())
        users = {one.who for one in found if one.what in _EVENTS.get(row.what, ()) and _start(row) <= one.at <= row.at + CLOCKS_APART}
        if len(users) == 1:
            row.who = users.pop()
            named.append(row)
    return named


def _start(row: Change) -> datetime:
    return (row.earlier_at or row.at) - CLOCKS_APART
