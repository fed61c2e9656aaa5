"""What rules look at, as it is read from the database: few queries, each thing once, as the rows have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Binding, Broker, Change, ClientTrend, Connection, Queue
from brokers.queries import for_findings
from brokers.queries.one_moment import one_moment as _one_moment
from dashboard.findings import evaluation
from dashboard.findings.drift_reader import AT_LEAST_EVERY, TOPOLOGY_EVERY
from dashboard.findings.evaluation import Evaluation
from dashboard.findings.facts import Facts
from dashboard.findings.kept import Kept
from dashboard.findings.rules import own_process
from dashboard.models import Finding
from tests.findings.objects import NOON
from workers import queries as worker_queries
from workers.models import Task, Worker
from workers.queries.for_rules import _LEFT_OUT, WorkerReader
from workers.queries.held_tasks import ended_tasks, held_tasks

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def broker() -> Broker:
    return Broker.objects.create(
        name="prod", state=Broker.UP, reason="", since=NOON - timedelta(days=1), polled_at=NOON, tried_at=NOON, poll_seconds=5.0, topology_at=NOON
    )


def worker(broker: Broker, hostname: str = "a@web-1", **values: Any) -> Worker:
    usual = {"state": Worker.ONLINE, "heartbeat_at": NOON, "queues": [{"name": "mail"}], "first_seen_at": NOON, "changed_at": NOON, "events_off": False}
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, **(usual | values))


def task(broker: Broker, uuid: str, state: str, changed_at: datetime = NOON, **values: Any) -> Task:
    usual = {"name": "shop.pay", "worker": "a@web-1", "first_seen_at": NOON, "changed_at": changed_at}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, state=state, **(usual | values))


def test_a_round_reads_the_broker_and_its_facts_as_of_one_moment_and_stores_in_another_transaction(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = Broker.objects.get()
    Broker.objects.update(polled_at=NOON + SECOND)
    done: list[str] = []
    polled_at: list[datetime | None] = []

    @contextmanager
    def one_moment() -> Iterator[None]:
        done.append("begin")
        with _one_moment():
            yield
        done.append("end")

    def noted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            done.append(name)
            polled_at.extend(one.its_broker.polled_at for one in given if isinstance(one, Facts))
            return work(*given, **named)

        return call

    monkeypatch.setattr(evaluation, "one_moment", one_moment)
    for module, name in ((evaluation.gathering, "facts_of"), (evaluation.round, "look"), (evaluation.store, "save_round")):
        monkeypatch.setattr(module, name, noted(name, getattr(module, name)))
    looking = Evaluation()
    looking.look_at(stale, NOON + SECOND)
    assert done == ["begin", "facts_of", "look", "end", "save_round"]
    assert polled_at == [NOON + SECOND]
    Broker.objects.all().delete()
    assert looking.look_at(stale, NOON + 30 * SECOND) == []


def test_the_workers_are_those_of_the_rows_whatever_changed_since(broker: Broker) -> None:
    first = worker(broker, software={"version": "5.5"}, since=NOON, pid=7, pinned=True, active_tasks=[{"uuid": "1"}], clock_skew_seconds=0.25)
    worker(broker, "b@web-2", state=Worker.GONE, active_tasks=[{"uuid": "2"}], events_off=None, queues=None)
    reader = WorkerReader()

    def compare() -> list[Worker]:
        read = reader.workers(broker, {"/": NOON}, NOON)
        for one, row in zip(read, Worker.objects.order_by("hostname"), strict=True):
            for field in Worker._meta.concrete_fields:
                if field.name not in _LEFT_OUT or field.name == "active_tasks":
                    assert getattr(one, field.attname) == getattr(row, field.attname), field.name
        return read

    assert [one.hostname for one in compare()] == ["a@web-1", "b@web-2"]
    Worker.objects.filter(pk=first.pk).update(heartbeat_at=NOON + SECOND, active=3, active_tasks=[], state=Worker.GONE, queues=[], pinned=False, pid=None)
    worker(broker, "c@web-3")
    assert compare()[0].active == 3
    Worker.objects.filter(hostname="b@web-2").delete()
    assert [one.hostname for one in compare()] == ["a@web-1", "c@web-3"]


def test_a_worker_whose_virtual_host_is_not_received_is_unknown(broker: Broker) -> None:
    worker(broker)
    (one,) = WorkerReader().workers(broker, {"/": NOON - timedelta(minutes=1)}, NOON)
    assert (one.state, Worker.objects.get().state) == (Worker.UNKNOWN, Worker.ONLINE)


def test_five_hundred_workers_are_one_query(broker: Broker) -> None:
    rows = [Worker(broker=broker, vhost="/", hostname=f"w{number}@h", state=Worker.ONLINE, first_seen_at=NOON, changed_at=NOON) for number in range(500)]
    Worker.objects.bulk_create(rows)
    with CaptureQueriesContext(connection) as captured:
        assert len(WorkerReader().workers(broker, {}, NOON)) == 500
    assert len(captured) == 1


def test_held_are_the_tasks_without_an_end_that_no_other_worker_has(broker: Broker) -> None:
    gone = worker(broker, state=Worker.GONE, since=NOON, heartbeat_at=NOON - SECOND)
    task(broker, "running", "STARTED")
    task(broker, "orphaned", "UNKNOWN", last_seen_state="RECEIVED")
    task(broker, "of before", "UNKNOWN", NOON - timedelta(hours=1), last_seen_state="STARTED")
    task(broker, "ended", "SUCCESS")
    task(broker, "elsewhere", "STARTED", worker="b@web-2")
    Task.objects.create(broker=broker, vhost="/other", uuid="x", state="STARTED", worker="a@web-1", first_seen_at=NOON, changed_at=NOON)
    found = held_tasks(gone)
    assert (found.total, sorted((one.uuid, one.state) for one in found.tasks)) == (2, [("orphaned", "RECEIVED"), ("running", "STARTED")])
    assert held_tasks(worker(broker, "new@web-3")).total == 0


def test_each_task_that_ended_counts_once_however_often_its_row_changes(broker: Broker) -> None:
    kept = Kept()
    for number in range(30):
        task(broker, f"u{number}", "FAILURE", NOON, ended_at=NOON, exception="E" * 500)
    task(broker, "going on", "STARTED")
    other = Broker.objects.create(name="test")
    task(other, "elsewhere", "FAILURE")
    (first,) = kept.outcomes(broker, NOON + SECOND, ())
    assert (first.ended, first.failed, first.exceptions[0]) == (30, 30, ("E" * 160, 30))
    Task.objects.filter(uuid="u1").update(changed_at=NOON + SECOND)
    task(broker, "late", "SUCCESS", NOON - SECOND, ended_at=NOON - SECOND)  # stored by a transaction that took longer
    (second,) = kept.outcomes(broker, NOON + 2 * SECOND, ())
    assert (second.ended, second.failed) == (31, 30)


def test_of_very_many_that_ended_the_latest_are_read(broker: Broker) -> None:
    for number in range(20):
        task(broker, f"u{number}", "SUCCESS", NOON + number * SECOND)
    assert [row[-1] for row in ended_tasks(broker, NOON + 9 * SECOND, 3)] == [NOON + number * SECOND for number in (19, 18, 17)]


def test_configurations_are_read_again_once_they_were_received_anew(broker: Broker) -> None:
    reported = {"configuration": {"task_routes": {"gone": "mail"}}, "configuration_at": NOON, "registered": [{"name": "shop.pay", "attributes": {}}]}
    worker(broker, **reported, queues=[{"name": "mail", "exchange": "mail", "routing_key": "mail", "declared": {"name": "mail"}}])
    Queue.objects.create(broker=broker, vhost="/", name="mail", first_seen_at=NOON, changed_at=NOON)
    Binding.objects.create(broker=broker, vhost="/", source="mail", destination="mail", destination_type="queue", routing_key="old", first_seen_at=NOON)
    kept, reader = Kept(), WorkerReader()

    def drift(at: datetime) -> list[str]:
        found = kept.drift(broker, reader.workers(broker, {"/": at}, at), at)
        return sorted(one.what for one in found or [])

    assert drift(NOON) == ["binding", "route unmatched"]
    Worker.objects.update(configuration={})
    later = NOON + AT_LEAST_EVERY
    with CaptureQueriesContext(connection) as captured:
        assert drift(NOON + SECOND) == drift(later) == ["binding", "route unmatched"]
    assert not any("configuration" in query["sql"].partition("FROM")[0].replace("configuration_at", "") for query in captured.captured_queries)
    Worker.objects.update(configuration_at=later)
    assert drift(later + SECOND) == ["binding"]  # at once, not with the next minute


def test_drift_is_looked_for_again_once_the_topology_changed(broker: Broker) -> None:
    queues = [{"name": "mail", "exchange": "mail", "routing_key": "mail", "declared": {"name": "mail"}}]
    worker(broker, configuration={}, configuration_at=NOON, registered=[], queues=queues)
    kept, reader = Kept(), WorkerReader()

    def drift(at: datetime) -> list[str]:
        return [one.what for one in kept.drift(broker, reader.workers(broker, {"/": at}, at), at) or []]

    assert drift(NOON) == []
    Binding.objects.create(broker=broker, vhost="/", source="mail", destination="mail", destination_type="queue", routing_key="old", first_seen_at=NOON)
    assert drift(NOON + SECOND) == []
    Change.objects.create(broker=broker, at=NOON, kind="binding", what="added", name="old", text="binding old to mail added")
    assert drift(NOON + TOPOLOGY_EVERY) == ["binding"]
    Binding.objects.update(gone_at=NOON)
    assert drift(NOON + 2 * TOPOLOGY_EVERY) == ["binding"]  # nothing says so, so with the next minute
    assert drift(NOON + TOPOLOGY_EVERY + AT_LEAST_EVERY) == []


def test_reports_of_equal_text_are_one_object(broker: Broker) -> None:
    ids = [worker(broker, f"w{number}@h", configuration={"task_default_queue": "a"}, registered=None).pk for number in range(3)]
    found = worker_queries.reports(ids)
    assert [row[2] for row in found] == ["w0@h", "w1@h", "w2@h"]
    assert found[0][4] is found[2][4]
    assert found[0][6] is None
    assert worker_queries.reports([]) == []


def test_blocked_and_closed_connections_and_depths(broker: Broker) -> None:
    for number, (state, gone_at) in enumerate([("blocked", None), ("running", None), ("running", NOON), ("running", NOON - timedelta(hours=1))]):
        Connection.objects.create(broker=broker, vhost="/", name=f"c{number}", user="shop", peer_host="10.0.0.1", product="php", state=state, gone_at=gone_at)
    assert [one.name for one in for_findings.blocked_connections(broker)[0]] == ["c0"]
    (closed,) = for_findings.closed_clients(broker, NOON - timedelta(minutes=5))
    assert (closed.product, closed.closed) == ("php", 1)
    Queue.objects.create(broker=broker, vhost="/", name="events", depth=7, first_seen_at=NOON, changed_at=NOON)
    Queue.objects.create(broker=broker, vhost="/", name="unknown", depth=None, first_seen_at=NOON, changed_at=NOON)
    places = [(1, broker.pk, "/", "events"), (2, broker.pk, "/", "unknown"), (3, broker.pk, "/x", "events"), (4, broker.pk, "/", "")]
    assert for_findings.depths_of(places) == {1: 7}
    assert for_findings.queues_there(broker.pk, "/", ["events", "none"]) == {"events"}


def test_the_connections_and_channels_of_a_client_now_are_those_that_are_open(broker: Broker) -> None:
    for number, (product, channels, gone_at) in enumerate([("py", 3, None), ("py", None, None), ("py", 9, NOON), ("java", 7, None)]):
        Connection.objects.create(broker=broker, vhost="/", user="u", peer_host="h", product=product, name=f"{number}", channels=channels, gone_at=gone_at)
    client = ClientTrend(broker=broker, vhost="/", user="u", peer_host="h", product="py")
    assert for_findings.counted_now(client) == (2, 3)
    assert [(name, connections) for name, connections, _ in for_findings.names_now(client)] == [("", 2)]
    client.user = "other"
    assert for_findings.counted_now(client) == (0, 0)


def test_a_finding_that_is_stored_again_keeps_what_it_was_while_it_is_unsure(broker: Broker) -> None:
    """Rows are written by hand: a round that only marks as unsure must not lose the body."""
    worker(broker, state=Worker.GONE, reason="no heartbeat since 11:59", since=NOON, heartbeat_at=NOON - 60 * SECOND, active=2)
    evaluation = Evaluation()
    evaluation.look_at(broker, NOON + SECOND)
    before = Finding.objects.get(rule="worker_gone")
    Worker.objects.update(state=Worker.UNKNOWN, reason="the receiver does not run")
    evaluation.look_at(broker, NOON + 2 * SECOND)
    after = Finding.objects.get(rule="worker_gone")
    assert (after.unsure, after.body, after.since, after.closed_at) == ("the receiver does not run", before.body, before.since, None)


def test_since_when_stays_as_it_was_opened_with(broker: Broker) -> None:
    gone = worker(broker, state=Worker.GONE, reason="no heartbeat since 11:59", since=NOON, heartbeat_at=NOON - 60 * SECOND, active=2)
    evaluation = Evaluation()
    for seconds in (60, 50, 70):
        Worker.objects.filter(pk=gone.pk).update(heartbeat_at=NOON - seconds * SECOND)
        evaluation.look_at(broker, NOON + (100 - seconds) * SECOND)
        assert Finding.objects.get(rule="worker_gone").since == NOON - max(seconds, 60) * SECOND


def test_a_broker_that_is_not_polled_is_under_the_missing_poller(broker: Broker) -> None:
    late, evaluation = NOON + timedelta(minutes=2), Evaluation()
    for own in (late, late + own_process.OPENS_AFTER):
        evaluation.look_at(None, own)
        evaluation.look_at(broker, own)
    poller = Finding.objects.get(rule="own_process", name="poller")
    away = Finding.objects.get(rule="broker_away")
    assert (away.short, away.under_id) == ("is not being polled; its queues are unknown", poller.pk)


def test_what_is_just_not_seen_stays_under_what_explains_it(broker: Broker) -> None:
    gone = worker(
        broker, state=Worker.GONE, reason="no heartbeat since 11:59", since=NOON, heartbeat_at=NOON - 60 * SECOND, active=2, queues=[{"name": "mail"}]
    )
    Queue.objects.create(
        broker=broker, vhost="/", name="mail", type="classic", ready=5, depth=5, consumers=0, active_consumers=0, first_seen_at=NOON, changed_at=NOON,
        nobody_consumes_since=NOON - timedelta(minutes=5), nobody_since_at_least=False,
    )  # fmt: skip
    evaluation = Evaluation()
    for seconds in (1, 2):
        evaluation.look_at(broker, NOON + seconds * SECOND)
        above, queue = Finding.objects.get(rule="worker_gone"), Finding.objects.get(rule="no_consumer")
        assert (queue.under_id, queue.absent_since is None) == (above.pk, seconds == 1)
        Queue.objects.update(consumers=1, active_consumers=1)
    assert gone.pk == above.object_id
    Queue.objects.update(consumers=None, active_consumers=None, depth=None)
    Broker.objects.update(polled_at=NOON + 3 * SECOND)
    evaluation.look_at(Broker.objects.get(), NOON + 3 * SECOND)
    queue.refresh_from_db()
    assert (queue.unsure != "", queue.under_id) == (True, above.pk)


def test_a_queue_stays_under_its_worker_until_it_drained_and_in_the_past(broker: Broker) -> None:
    gone = worker(
        broker, state=Worker.GONE, reason="no heartbeat since 11:59", since=NOON, heartbeat_at=NOON - 60 * SECOND, active=2, queues=[{"name": "mail"}]
    )
    Queue.objects.create(
        broker=broker, vhost="/", name="mail", type="classic", ready=5, depth=5, consumers=0, active_consumers=0, first_seen_at=NOON, changed_at=NOON,
        nobody_consumes_since=NOON - timedelta(minutes=5), nobody_since_at_least=False,
    )  # fmt: skip
    evaluation = Evaluation()
    evaluation.look_at(broker, NOON)
    Worker.objects.filter(pk=gone.pk).update(state=Worker.ONLINE, heartbeat_at=NOON)
    for seconds in (1, 7, 8, 50):  # the worker is back, and the queue is polled later
        Broker.objects.update(polled_at=NOON + seconds * SECOND, tried_at=NOON + seconds * SECOND)
        evaluation.look_at(Broker.objects.get(), NOON + seconds * SECOND)
        above, queue = Finding.objects.get(rule="worker_gone"), Finding.objects.get(rule="no_consumer")
        assert (above.closed_at is None, queue.under_id) == (seconds == 1, above.pk)
    Broker.objects.update(polled_at=NOON + 70 * SECOND, tried_at=NOON + 70 * SECOND)
    evaluation.look_at(Broker.objects.get(), NOON + 70 * SECOND)
    assert Finding.objects.get(rule="no_consumer").under_id is None  # it lasts: a finding of its own
