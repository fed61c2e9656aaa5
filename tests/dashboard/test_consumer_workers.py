"""Which worker consumes a queue: real answers of RabbitMQ to workers of every pool, then the uncertain cases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from dashboard.layout.consumer_workers import Consuming, consumers_of
from workers.celery_names import CeleryNames

SAMPLES = Path(__file__).parent.parent / "cases" / "celery"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class SomeWorker(msgspec.Struct):
    id: int
    hostname: str
    queues: list[dict[str, Any]] | None = None
    state: str = "online"
    vhost: str = "workers"


def sampled(pool: str) -> tuple[list[ConsumerStats], list[ConnectionStats]]:
    consumers = [
        ConsumerStats(
            vhost=entry["queue"]["vhost"],
            queue=entry["queue"]["name"],
            tag=entry["consumer_tag"],
            connection_name=entry["channel_details"]["connection_name"],
            channel_name=entry["channel_details"]["name"],
        )
        for entry in json.loads((SAMPLES / f"rabbit_consumers_{pool}.json").read_text())
    ]
    connections = [
        ConnectionStats(
            vhost=entry["vhost"],
            name=entry["name"],
            user=entry["user"],
            peer_host=entry["peer_host"],
            provided_name=entry["client_properties"].get("connection_name", ""),
            connected_at=datetime.fromtimestamp(entry["connected_at"] / 1000, UTC),
        )
        for entry in json.loads((SAMPLES / f"rabbit_connections_{pool}.json").read_text())
    ]
    return consumers, connections


def only(found: dict[tuple[str, str], list[Consuming]], queue: str) -> Consuming:
    (consuming,) = found["workers", queue]
    return consuming


@pytest.mark.parametrize("pool", ["prefork", "prefork-autoscale", "threads", "solo"])
def test_pools_whose_connection_also_consumes_the_control_queue_are_known_exactly(pool: str) -> None:
    consumers, connections = sampled(pool)
    found = consumers_of(consumers, connections, [], [SomeWorker(7, f"{pool}@host1")])
    for queue in ("default", "feeds", "mail"):
        consuming = only(found, queue)
        assert (consuming.worker_id, consuming.hostname, consuming.exact) == (7, f"{pool}@host1", True)


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_green_pools_are_known_by_address_and_time_and_marked_as_probable(pool: str) -> None:
    consumers, connections = sampled(pool)
    found = consumers_of(consumers, connections, [], [SomeWorker(7, f"{pool}@host1")])
    consuming = only(found, "mail")
    assert (consuming.worker_id, consuming.hostname, consuming.exact) == (7, f"{pool}@host1", False)
    assert "probably" in consuming.why
    assert only(found, f"{pool}@host1.celery.pidbox").exact


def consumer(queue: str, connection: str, vhost: str = "workers") -> ConsumerStats:
    return ConsumerStats(vhost=vhost, queue=queue, tag="None4", connection_name=connection)


def connection(name: str, seconds: float = 0, host: str = "10.0.0.1", provided_name: str = "", vhost: str = "workers") -> ConnectionStats:
    return ConnectionStats(vhost=vhost, name=name, user="u", peer_host=host, provided_name=provided_name, connected_at=NOON + timedelta(seconds=seconds))


def test_a_connection_named_after_its_worker_is_exact() -> None:
    found = consumers_of([consumer("mail", "a")], [connection("a", provided_name="w@h")], [], [SomeWorker(1, "w@h"), SomeWorker(2, "v@h")])
    assert (only(found, "mail").worker_id, only(found, "mail").exact) == (1, True)


def test_two_green_workers_started_together_are_distinguished_by_their_queues() -> None:
    consumers = [consumer("mail", "a"), consumer("feeds", "b"), consumer("one@h.celery.pidbox", "c"), consumer("two@h.celery.pidbox", "d")]
    connections = [connection("a"), connection("b", 0.5), connection("c", 1), connection("d", 1.5)]
    found = consumers_of(consumers, connections, [], [SomeWorker(1, "one@h", [{"name": "mail"}]), SomeWorker(2, "two@h", [{"name": "feeds"}])])
    assert [only(found, queue).worker_id for queue in ("mail", "feeds")] == [1, 2]


def test_two_that_can_not_be_distinguished_are_not_guessed() -> None:
    consumers = [consumer("mail", "a"), consumer("mail", "b"), consumer("one@h.celery.pidbox", "c"), consumer("two@h.celery.pidbox", "d")]
    connections = [connection("a"), connection("b"), connection("c", 1), connection("d", 1)]
    found = consumers_of(consumers, connections, [], [SomeWorker(1, "one@h"), SomeWorker(2, "two@h")])
    assert [(consuming.worker_id, consuming.exact) for consuming in found["workers", "mail"]] == [(None, False)] * 2


def test_the_only_worker_left_that_claims_the_queue_is_probable_but_one_that_is_gone_never_is() -> None:
    claims = [{"name": "mail"}]
    found = consumers_of([consumer("mail", "a")], [], [], [SomeWorker(1, "w@h", claims), SomeWorker(2, "v@h", claims, state="gone")])
    assert (only(found, "mail").worker_id, only(found, "mail").exact) == (1, False)


def test_a_program_that_is_no_worker_stays_unnamed() -> None:
    consuming = only(consumers_of([consumer("mail", "a")], [connection("a")], [], []), "mail")
    assert (consuming.worker_id, consuming.hostname) == (None, None)
    assert consuming.why


def test_a_worker_without_a_row_is_named_all_the_same() -> None:
    consuming = only(consumers_of([consumer("mail", "a"), consumer("w@h.celery.pidbox", "a")], [], [], []), "mail")
    assert (consuming.worker_id, consuming.hostname, consuming.exact) == (None, "w@h", True)


def test_the_same_names_in_two_virtual_hosts_are_kept_apart() -> None:
    consumers = [consumer("mail", "a"), consumer("w@h.celery.pidbox", "a"), consumer("mail", "a", vhost="other")]
    found = consumers_of(consumers, [], [], [SomeWorker(1, "w@h"), SomeWorker(2, "w@h", vhost="other")])
    assert only(found, "mail").worker_id == 1
    assert found["other", "mail"][0].worker_id is None


def test_a_consumer_without_its_connection_finds_it_by_its_channel() -> None:
    consumers = [consumer("w@h.celery.pidbox", "a"), ConsumerStats(vhost="workers", queue="mail", tag="t", channel_name="a (2)")]
    found = consumers_of(consumers, [], [ChannelStats("workers", "a (2)", "a", 2)], [SomeWorker(1, "w@h")])
    assert only(found, "mail").worker_id == 1


def kombu(queue: str, connection_name: str) -> ConsumerStats:
    return msgspec.structs.replace(consumer(queue, connection_name), tag="None2")


def py_amqp(name: str) -> ConnectionStats:
    return msgspec.structs.replace(connection(name), product="py-amqp 5.3.1")


def test_the_consumer_of_the_only_worker_without_remote_control_is_probably_it() -> None:
    found = consumers_of([kombu("mail", "a")], [py_amqp("a")], [], [SomeWorker(1, "w@h")])
    assert (only(found, "mail").worker_id, only(found, "mail").exact, only(found, "mail").celery) == (1, False, True)


@pytest.mark.parametrize("gossip", [True, False])
def test_one_of_several_workers_without_remote_control_is_celery_whichever_it_is(gossip: bool) -> None:
    events = [kombu("celeryev.0d0c0b0e-0000-4000-8000-000000000001", "a")] if gossip else []
    found = consumers_of([kombu("mail", "a"), *events], [py_amqp("a")], [], [SomeWorker(1, "w@h"), SomeWorker(2, "v@h")])
    assert (only(found, "mail").worker_id, only(found, "mail").hostname, only(found, "mail").celery) == (None, None, True)


def test_a_program_that_uses_kombu_beside_workers_that_are_known_is_not_taken_for_one() -> None:
    consumers = [kombu("mail", "a"), kombu("jobs", "b"), kombu("w@h.celery.pidbox", "b")]
    found = consumers_of(consumers, [py_amqp("a"), py_amqp("b")], [], [SomeWorker(1, "w@h")])
    assert not only(found, "mail").celery


def test_control_queues_of_other_names_are_known_by_them() -> None:
    names = CeleryNames(("team.event",), ("team.control",), ("faces",))
    consumers = [consumer("mail", "a"), consumer("w@h.b.team.control.pidbox", "a"), consumer("faces.1", "c")]
    found = consumers_of(consumers, [], [], [SomeWorker(1, "w@h.b")], names)
    assert (only(found, "mail").worker_id, only(found, "mail").exact) == (1, True)
