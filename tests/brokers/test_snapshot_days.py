"""Snapshots by day on PostgreSQL: retention drops a day once no moment that is kept needs it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from brokers.database import partitions
from brokers.models import Broker, Snapshot
from brokers.queries.frames import frames
from brokers.snapshots import METRICS
from brokers.store import make_snapshot_days, trim_history
from brokers.store.retention import SNAPSHOTS
from brokers.store.snapshots import SnapshotWriter
from tests import postgres

pytestmark = [postgres.on_postgres, pytest.mark.django_db]


def midnight(days: int) -> datetime:
    """That begins the first day with a partition, or so many days later; there are three more of them."""
    return partitions.beginning(partitions.days(SNAPSHOTS)[0] + days)


def test_a_day_is_dropped_once_no_kept_moment_needs_it() -> None:
    first = midnight(0)
    broker = Broker.objects.create(name="prod", since=first)
    writer = SnapshotWriter(broker.pk, "queues")
    for hours in (-1, 1, 25, 49):
        writer.write({1: (hours, *[None] * (len(METRICS["queues"]) - 1))}, first + timedelta(hours=hours))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the end of a transaction
    trim_history(first + timedelta(hours=48), raw_hours=24)
    assert Snapshot.objects.count() == 3  # those of before there were partitions go row by row
    trim_history(first + timedelta(hours=48, minutes=11), raw_hours=24)
    assert [snapshot.at for snapshot in Snapshot.objects.order_by("at")] == [first + timedelta(hours=25), first + timedelta(hours=49)]
    assert midnight(0) == first + timedelta(days=1)
    assert len(list(frames(broker.pk, "queues", first + timedelta(hours=30), first + timedelta(hours=50)))) == 2


def test_snapshots_of_a_day_without_a_partition_are_moved_to_it() -> None:
    late = midnight(5)
    broker = Broker.objects.create(name="prod", since=late)
    SnapshotWriter(broker.pk, "queues").write_gap(late)
    assert make_snapshot_days(midnight(2)) == (1, 0)
    assert Snapshot.objects.count() == 1 and partitions.day_of(late) in partitions.days(SNAPSHOTS)
