"""What the event exchange of a broker named as changed, as the receiver stores it for the poller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from brokers.models import Broker, DefinitionEvents, VirtualHost
from brokers.stats import Actor
from brokers.store.changes import note_actors


def note_definition_events(
    broker_id: int, vhost: str, now: datetime, changed: Mapping[str, int] | None = None, everything: int = 0, problem: str = "",
    actors: Sequence[Actor] = (),
) -> None:  # fmt: skip
    """Stores how many events named each virtual host since the last call, and `everything`: how often anything may have changed. `vhost` is that of the
    exchange; `problem`: why none can be received, as a sentence; `actors`: who changed what."""
    with transaction.atomic():
        row, is_new = DefinitionEvents.objects.select_for_update().get_or_create(
            broker_id=broker_id, defaults={"vhost": vhost, "since": now, "problem": problem}
        )  # fmt: skip
        if is_new or row.problem != problem or row.vhost != vhost:
            row.vhost, row.problem, row.since = vhost, problem, now
            Broker.objects.filter(pk=broker_id).update(revision=F("revision") + 1)
        if not problem:
            row.heard_at = now
        row.everything += everything
        if everything and row.counts:  # all is read anew, so that the counts of gone virtual hosts can go
            there = set(VirtualHost.objects.filter(broker_id=broker_id, gone_at=None).values_list("name", flat=True))
            row.counts = {name: count for name, count in row.counts.items() if name in there}
        for name, count in (changed or {}).items():
            row.counts[name] = row.counts.get(name, 0) + count
        row.save()
        if actors:
            note_actors(broker_id, actors, now)


def forget_definition_events(broker_id: int) -> None:
    """There is no such exchange (any more), or it may not be used. Called again and again: writes nothing where nothing is kept."""
    if not DefinitionEvents.objects.filter(broker_id=broker_id).exists():
        return  # SQLite's lock for writing, which a DELETE takes also where it finds no row
    with transaction.atomic():
        if DefinitionEvents.objects.filter(broker_id=broker_id).delete()[0]:
            Broker.objects.filter(pk=broker_id).update(revision=F("revision") + 1)
