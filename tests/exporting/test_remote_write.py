"""Writing to a long-term store: each recorded moment once and in order, whatever the store and our own processes do meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from brokers.models import Node, Snapshot, VirtualHost
from brokers.packing import pack_history
from brokers.snapshots import METRICS
from brokers.store import drop_packed
from brokers.store.snapshots import SnapshotWriter
from dashboard.models import RemoteWrite
from dashboard.operations.remote_write import lag_seconds, remote_write_text
from dashboard.queries import remote_write
from dashboard.store import trim_remote_writes
from tests.exporting.store import Store
from tests.exporting.watched import MAIL, STEP, Watched
from workers.models import TaskTotal, Worker


@pytest.fixture
def watched(db: None) -> Watched:
    return Watched(Store())


def test_each_moment_is_written_once_with_its_own_time(watched: Watched) -> None:
    for _ in range(3):
        watched.poll()
        watched.round()
        watched.round()
    assert watched.store.samples("rabbitmq_queue_messages_ready", **MAIL) == [
        (round((watched.began + number * STEP).timestamp() * 1000), float(number)) for number in (1, 2, 3)
    ]
    assert watched.written == watched.store.values("rabbitmq_queue_messages", **MAIL)
    assert (watched.row.samples, watched.row.dropped, watched.row.error, watched.row.behind_since) == (9, 0, "", None)


def test_nothing_is_missing_after_the_store_was_away_and_the_process_was_restarted(watched: Watched) -> None:
    watched.poll(2)
    watched.round()
    watched.store.away = "it refused the connection"
    for number in range(200):
        watched.poll()
        watched.round(seconds=100)
        if number % 50 == 0:
            watched.restart()
    row = remote_write(watched.now)
    assert row is not None and row.failing_since == watched.began + 3 * STEP
    assert lag_seconds(row, watched.now) == (watched.now - watched.began - 3 * STEP).total_seconds()
    text = remote_write_text(row, watched.now)
    assert text.startswith("Nothing can be written to https://metrics.example:443/api/v1/write for 16 min") and "secret" not in text
    watched.store.away = ""
    watched.round(seconds=100)
    assert watched.written == [float(number) for number in range(1, 203)]
    assert (watched.row.error, watched.row.failing_since, watched.row.behind_since, watched.row.dropped) == ("", None, None, 0)


def test_what_was_packed_while_the_store_was_away_is_written_too(watched: Watched) -> None:
    watched.poll(2)
    watched.round()
    watched.poll(200)
    assert pack_history() > 2
    drop_packed(watched.broker.pk, "queues", watched.now)
    assert Snapshot.objects.filter(kind="queues").count() < 50
    watched.round()
    assert watched.written == [float(number) for number in range(1, 203)]


def test_a_process_that_is_killed_between_the_request_and_its_note_writes_no_moment_twice(watched: Watched) -> None:
    watched.poll()
    watched.round()
    before = dict(watched.row.positions)
    for _ in range(2):
        watched.poll()
        watched.round()
    RemoteWrite.objects.update(positions=before)  # these notes were never stored
    watched.poll()
    watched.restart()
    watched.round()
    assert watched.written == [1.0, 2.0, 3.0, 4.0] and watched.row.dropped == 0  # what was refused is there
    RemoteWrite.objects.update(positions=before)
    watched.poll()
    watched.round()
    assert watched.written == [1.0, 2.0, 3.0, 4.0, 5.0] and watched.row.dropped > 0  # of the same process it is not known to be


def test_what_the_store_refuses_for_good_is_counted_and_holds_up_nothing(watched: Watched) -> None:
    watched.poll(4)
    watched.store.oldest = round((watched.began + 3 * STEP).timestamp() * 1000)
    watched.round()
    assert watched.written == [3.0, 4.0]
    assert (watched.row.samples, watched.row.dropped, watched.row.refusal) == (6, 6, "status 400: they are older than it takes")
    assert remote_write_text(watched.row, watched.now) == (
        "https://metrics.example:443/api/v1/write refused 6 samples for good (status 400: they are older than it takes)."
    )


def test_pauses_grow_to_a_minute_while_the_store_is_away(watched: Watched) -> None:
    watched.store.away = "it did not answer in time"
    watched.poll()
    tries = []
    for _ in range(600):
        before = watched.store.requests
        watched.round(seconds=1)
        if watched.store.requests > before:
            tries.append(watched.clock)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[0] <= 3 and 45 <= max(pauses) <= 73 and len(tries) < 20
    assert pauses[-1] >= 45


def test_a_failed_poll_and_a_queue_that_is_gone_end_their_series(watched: Watched) -> None:
    watched.poll()
    watched.now += STEP
    watched.snapshots.write_gap(watched.now)
    watched.poll()
    watched.now += STEP
    watched.snapshots.write({watched.queue.pk: (None,) * len(METRICS["queues"])}, watched.now)
    watched.round()
    assert watched.written == [1.0, None, 2.0, None]


def test_what_was_recorded_before_the_store_was_named_is_not_written(watched: Watched) -> None:
    watched.poll(3)
    RemoteWrite.objects.all().delete()
    watched.round()
    watched.poll()
    watched.round()
    assert watched.written == [4.0]


def test_only_what_is_still_kept_is_written(watched: Watched) -> None:
    watched.poll()
    watched.round()
    watched.store.away = "it refused the connection"
    watched.poll(130)
    watched.round()
    first = Snapshot.objects.filter(kind="queues", is_key=True).order_by("at")[1]
    Snapshot.objects.filter(at__lt=first.at).delete()
    watched.store.away = ""
    watched.restart()
    watched.round(seconds=100)
    assert watched.written == [1.0, *(float(number) for number in range(61, 132))]


def test_a_snapshot_that_cant_be_read_holds_up_nothing(watched: Watched) -> None:
    watched.poll(3)
    Snapshot.objects.filter(at=watched.began + 2 * STEP).update(data=b"nonsense")
    watched.poll(120)
    watched.round()
    watched.round()
    assert watched.written[-1] == 123.0
    assert len(watched.written) >= 50  # from the next keyframe on


def test_the_other_kinds_have_the_names_of_their_objects(watched: Watched) -> None:
    now, known = watched.now, {"first_seen_at": watched.now}
    vhost = VirtualHost.objects.create(broker=watched.broker, name="/shop", **known)
    worker = Worker.objects.create(broker=watched.broker, vhost="/", hostname="a@web", changed_at=now, **known)
    TaskTotal.objects.create(broker=watched.broker, vhost="/", name="pay", queue="", failed=2, counted_until=0)
    node = Node.objects.create(broker=watched.broker, name="rabbit@a", running=True, at=now)
    for kind, key in (("broker", watched.broker.pk), ("vhosts", vhost.pk), ("workers", worker.pk), ("nodes", node.pk)):
        SnapshotWriter(watched.broker.pk, kind).write({key: (5, *[None] * (len(METRICS[kind]) - 1))}, now + STEP)
    watched.now += STEP
    watched.round()
    assert watched.store.values("hareline_broker_ready", broker="prod") == [5.0]
    assert watched.store.values("rabbitmq_process_resident_memory_bytes", broker="prod", rabbitmq_node="rabbit@a") == [5.0]
    assert watched.store.values("hareline_vhost_ready", broker="prod", vhost="/shop") == [5.0]
    assert watched.store.values("celery_worker_tasks_active", broker="prod", hostname="a@web", vhost="/") == [5.0]
    assert watched.store.samples("celery_task_failed_total", broker="prod", name="pay", vhost="/") == [(round(watched.now.timestamp() * 1000), 2.0)]


def test_a_store_that_is_no_longer_named_is_forgotten_after_a_month(watched: Watched) -> None:
    watched.poll()
    watched.round()
    assert remote_write(watched.now + timedelta(hours=1)) is None
    assert trim_remote_writes(watched.now + timedelta(days=29)) == 0
    assert trim_remote_writes(watched.now + timedelta(days=31)) == 1


def test_figures_about_it_are_exported_for_who_may_view_everything(watched: Watched, client: Any, admin_user: Any) -> None:
    client.force_login(admin_user)
    assert "hareline_remote_write_up" not in client.get("/metrics").content.decode()
    watched.poll()
    watched.round()
    text = client.get("/metrics?family=hareline_remote_write_*").content.decode()
    assert "hareline_remote_write_up 1.0" in text and "hareline_remote_write_samples_total 3.0" in text
    assert datetime.fromisoformat(watched.row.positions[f"{watched.broker.pk} queues"]) == watched.now
