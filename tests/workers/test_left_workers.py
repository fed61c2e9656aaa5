"""Workers that are gone: when they leave the lists, what keeps them there, and how their names are folded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brokers.models import Broker
from brokers.scope import EVERYTHING
from workers import queries, store
from workers.models import Worker
from workers.name_patterns import folded, pattern_of
from workers.presence import has_left, left

DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("hostname", "pattern"),
    [
        ("celery@worker-6db584f5fc-wf495", "celery@worker-*"),
        ("celery@worker-6db584f5fc-bcdfg", "celery@worker-*"),
        ("celery@web-0", "celery@web-*"),
        ("celery@3f2a9c1b7d4e", "celery@*"),
        ("mail@ip-10-0-1-23.eu-west-1.compute.internal", "mail@ip-*.eu-west-*.compute.internal"),
        ("celery@0d0c0b0e-0000-4000-8000-000000000001", "celery@*"),
        ("celery@mails", "celery@mails"),
        ("celery@batch.shop", "celery@batch.shop"),
        ("0001PAKDS01", "*"),
        ("", ""),
    ],
)
def test_parts_that_a_machine_made_up_are_starred(hostname: str, pattern: str) -> None:
    assert pattern_of(hostname) == pattern


def test_three_of_a_pattern_are_folded_and_the_others_stay() -> None:
    names = ["celery@w-1", "celery@a", "celery@w-2", "mail@w-1", "celery@w-3", "celery@a.b"]
    assert folded(names, str) == ([("celery@w-*", ["celery@w-1", "celery@w-2", "celery@w-3"])], ["celery@a", "mail@w-1", "celery@a.b"])


@pytest.fixture
def broker(db: None, now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)


def seen(broker: Broker, hostname: str, now: datetime, **facts: Any) -> Worker:
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, first_seen_at=now - 9 * DAY, changed_at=now, **facts)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def test_rows_and_conditions_agree_on_who_has_left(broker: Broker, now: datetime) -> None:
    ago = [None, now - timedelta(hours=1), now - 2 * DAY]
    for state in (Worker.ONLINE, Worker.GONE, Worker.UNKNOWN):
        for since in ago:
            for forgotten in ago:
                for heartbeat in ago:
                    for pinned in (True, False):
                        facts = {"since": since, "forgotten_at": forgotten, "heartbeat_at": heartbeat, "pinned": pinned}
                        seen(broker, f"w{Worker.objects.count()}@h", now, state=state, **facts)
    expected = {worker.hostname for worker in Worker.objects.all() if has_left(worker, now, DAY)}
    assert 0 < len(expected) < Worker.objects.count()
    assert set(Worker.objects.filter(left(now, DAY)).values_list("hostname", flat=True)) == expected
    assert set(Worker.objects.exclude(left(now, DAY)).values_list("hostname", flat=True)) == set(Worker.objects.values_list("hostname", flat=True)) - expected


def test_who_is_gone_for_a_day_leaves_the_lists_unless_pinned(broker: Broker, now: datetime) -> None:
    for hostname, hours in (("old@h", 25), ("pinned@h", 25), ("fresh@h", 23)):
        seen(broker, hostname, now, state=Worker.GONE, since=now - timedelta(hours=hours))
    store.pin_worker(Worker.objects.get(hostname="pinned@h"), True)
    assert [worker.hostname for worker in queries.workers(EVERYTHING).items] == ["fresh@h", "pinned@h"]
    assert [worker.hostname for worker in queries.workers(EVERYTHING, with_left=True).items] == ["fresh@h", "old@h", "pinned@h"]
    assert queries.worker_counts(EVERYTHING) == [("prod", "/", "gone", 2)]


def test_who_was_forgotten_is_back_with_its_next_heartbeat(broker: Broker, now: datetime) -> None:
    worker = seen(broker, "w@h", now, state=Worker.GONE, since=now, heartbeat_at=now - timedelta(minutes=1))
    store.forget_worker(worker, now)
    assert queries.workers(EVERYTHING).total == 0
    Worker.objects.update(heartbeat_at=now + timedelta(seconds=1))
    assert queries.workers(EVERYTHING).total == 1
