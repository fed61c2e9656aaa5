"""A worker whose configuration has drifted for real, a client with too many channels, one that connects again and again, and what RabbitMQ 4 deprecates."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import amqp
import pytest

from brokers import store
from brokers.models import Broker
from dashboard.findings.rules import queue_named_twice, route_undeclared, route_unmatched, settings_differ, stale_binding
from dashboard.layout import formatting
from dashboard.models import Finding
from tests.conftest import TestNode
from tests.findings.looking import Looking, values
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers

CHANNELS, CONNECTIONS, STEP = 201, 80, 6


DRIFT: tuple[Any, ...] = (stale_binding, queue_named_twice, route_unmatched, route_undeclared, settings_differ)
TITLES = {
    "stale_binding letters": "letters has 1 binding that no worker’s configuration has",
    "queue_named_twice letters": "letters is named twice in task_queues",
    "route_unmatched Tests.write": "The route Tests.write matches no known task",
    "route_unmatched gone.*": "The route gone.* matches no known task",
    "route_undeclared nowhere": "The route tests.write leads to the queue nowhere, which does not exist",
}


@pytest.mark.nightly
def test_a_configuration_that_disagrees_with_the_broker_and_with_itself(
    workers: Workers, watching: Watching, rabbitmq: TestNode, vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AT_LEAST_EVERY", "TOPOLOGY_EVERY"):
        monkeypatch.setattr(f"dashboard.findings.drift_reader.{name}", timedelta(0))
    for rule in DRIFT:
        monkeypatch.setattr(rule, "OPENS_AFTER", timedelta(0))
    workers.start("post@here", "-E", "--pool", "solo", app="drift_app")
    watching.start()
    watching.wait_for("post@here", lambda worker: worker.configuration and worker.queues and worker.registered and worker.state == "online")
    rabbitmq.api("POST", f"bindings/{vhost}/e/post/q/letters", {"routing_key": "before"})
    looking = Looking(watching.address, watching.broker, vhost)

    def drift() -> dict[str, Finding]:
        return {name: one for name, one in looking.look().items() if one.rule in {rule.KEY for rule in DRIFT}}

    seen = wait_until(lambda: (found := drift()) and len(found) == len(TITLES) and found, seconds=40)
    assert {name: one.title for name, one in seen.items()} == TITLES
    bound = {one["routing_key"] for one in rabbitmq.api("GET", f"bindings/{vhost}/e/post/q/letters")}
    assert values(seen["stale_binding letters"])["From post"] in bound - {"letters"}
    rabbitmq.api("DELETE", f"bindings/{vhost}/e/post/q/letters/before")
    wait_until(lambda: "stale_binding letters" not in drift(), seconds=40)

    monkeypatch.setenv("TEST_DRIFT", "mended")
    workers.start("mended@here", "-E", "--pool", "solo", app="drift_app")
    watching.wait_for("mended@here", lambda worker: worker.configuration and worker.queues and worker.registered and worker.state == "online")
    (differ,) = wait_until(lambda: [one for one in drift().values() if one.rule == "settings_differ"], seconds=40)
    assert differ.title == "2 worker nodes with the same tasks differ in task_queues and task_routes"
    workers.end("post@here")
    watching.wait_for("post@here", lambda worker: worker.state == "gone")
    wait_until(lambda: not drift(), seconds=40)


@pytest.mark.django_db
@pytest.mark.nightly
def test_a_client_with_too_many_channels_and_one_that_connects_again_and_again(rabbitmq: TestNode, vhost: str) -> None:
    address = rabbitmq.address()
    looking = Looking(address, store.ensure_brokers([address], datetime.now(UTC))[address.name], vhost)
    now = datetime.now(UTC)
    looking.look(now=now)
    before = _churned(rabbitmq)

    with closing(_connect(rabbitmq, vhost)) as held:
        for _ in range(CHANNELS):
            held.channel()
        for _ in range(CONNECTIONS):
            _connect(rabbitmq, vhost).close()
        wait_until(lambda: _churned(rabbitmq) >= before + CONNECTIONS and _channels(rabbitmq, vhost) >= CHANNELS, seconds=20)

        looking.look(now=now + timedelta(seconds=STEP))
        assert min(_rates()) >= CONNECTIONS / STEP * 0.9
        churn = looking.look(now=now + timedelta(seconds=STEP), ahead=12.0)[f"churn {address.name}"]
        assert values(churn)["Connections closed"] == f"{formatting.rate(_rates()[1])}/s"
        seen = looking.look(now=now + timedelta(seconds=64))
        (leak,) = [one for one in seen.values() if one.rule == "client_leak"]
        assert leak.short == f"has ~{CHANNELS} channels for each connection"
        assert values(leak)["Channels"] == f"{_channels(rabbitmq, vhost):,}"

    wait_until(lambda: _channels(rabbitmq, vhost) == 0, seconds=20)
    for seconds in (130, 200, 270):
        after = looking.look(now=now + timedelta(seconds=seconds))
    assert not [one for one in after.values() if one.rule in ("client_leak", "churn")]


@pytest.mark.django_db
@pytest.mark.nightly
def test_transient_queues_and_shared_prefetch_counts_count_from_rabbitmq_4_on(rabbitmq: TestNode, vhost: str) -> None:
    """On RabbitMQ 3 the version of 4.0 is stored after each poll: all else is the node's own. `script/test-4 --nightly` runs it on a real one, whose API has no
    `global_prefetch_count`."""
    address, is_old = rabbitmq.address(), rabbitmq.version.startswith("3.")
    looking = Looking(address, store.ensure_brokers([address], datetime.now(UTC))[address.name], vhost)

    def shorts(at: datetime, version: str = "4.0.5") -> set[str]:
        looking.poll(at)
        if is_old:
            Broker.objects.update(version=version)
        looking.evaluation.look_at(Broker.objects.get(), at)
        return {one.title.removeprefix(f"{vhost} ") for one in Finding.objects.filter(closed_at=None, rule="broker_version", vhost=vhost)}

    now, expected = datetime.now(UTC), {"has transient queues that RabbitMQ 4.3 refuses"}
    with closing(_connect(rabbitmq, vhost)) as held:
        channel = held.channel()
        channel.queue_declare("fleeting", durable=False, exclusive=False, auto_delete=False)
        channel.basic_qos(0, 5, True)
        channel.basic_consume("fleeting")
        if is_old:  # RabbitMQ 4 refuses it
            rabbitmq.api("PUT", f"policies/{vhost}/mirrored", {"pattern": "^x", "definition": {"ha-mode": "all"}})
            expected |= {"has policies that mirror queues, without effect", "has channels with a shared prefetch count"}
        here = wait_until(lambda: [one for one in rabbitmq.api("GET", "channels") if one.get("vhost") == vhost and one.get("consumer_count")], seconds=20)
        assert [one.get("global_prefetch_count") for one in here] == [5 if is_old else None]
        if is_old:
            assert [shorts(now + timedelta(seconds=seconds), rabbitmq.version) for seconds in (0, 15)] == [set(), set()]
        assert [shorts(now + timedelta(seconds=seconds)) for seconds in (100, 115)] == [set(), expected]
        (transient,) = Finding.objects.filter(vhost=vhost, title__contains="transient")
        assert values(transient)["Transient queues"] == "1: fleeting"
    rabbitmq.api("DELETE", f"queues/{vhost}/fleeting")
    if is_old:
        rabbitmq.api("DELETE", f"policies/{vhost}/mirrored")
    wait_until(lambda: _channels(rabbitmq, vhost) == 0, seconds=20)
    assert [shorts(now + timedelta(seconds=seconds)) for seconds in (220, 340, 460)][-1] == set()


def _connect(rabbitmq: TestNode, vhost: str) -> amqp.Connection:
    connection = amqp.Connection(host=f"127.0.0.1:{rabbitmq.ports['amqp']}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=vhost)
    connection.connect()
    return connection


def _churned(rabbitmq: TestNode) -> int:
    """How many connections the node has closed, and so opened too: a counter that is missing until the first one."""
    return int(rabbitmq.api("GET", "overview").get("churn_rates", {}).get("connection_closed", 0))


def _rates() -> tuple[float, float]:
    broker = Broker.objects.get()
    return broker.connections_opened_per_second or 0.0, broker.connections_closed_per_second or 0.0


def _channels(rabbitmq: TestNode, vhost: str) -> int:
    """How many the broker lists."""
    return sum(one.get("channels") or 0 for one in rabbitmq.api("GET", "connections") if one.get("vhost") == vhost)
