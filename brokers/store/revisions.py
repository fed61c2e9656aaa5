"""The next revision of brokers, by which pages learn that something about them has changed beside what polls store."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F

from brokers.models import Broker


def revise(broker_ids: Collection[int | None]) -> None:
    """To be called in the transaction that stores what changed. None among them: all brokers, as what is about Hareline itself is on the pages of all."""
    known = [pk for pk in broker_ids if pk is not None]
    rows = Broker.objects.filter(pk__in=known) if len(known) == len(broker_ids) else Broker.objects.all()
    rows.update(revision=F("revision") + 1)
