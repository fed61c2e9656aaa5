"""Findings about configuration: bindings, exchanges and dead letters that lead nowhere, priorities, autoscalers, single nodes and single connections."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest

from brokers.models import Binding, Broker, Connection, Exchange, Queue, VirtualHost
from brokers.queries import for_findings
from brokers.queries.for_findings import BusyQueue
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.findings.drift_reader import with_keys
from dashboard.findings.gathered_queues import QueueReader
from dashboard.findings.polled import PolledReader
from dashboard.findings.priorities import ignored
from dashboard.findings.rule import Found
from dashboard.findings.rules import (
    alternate_nowhere,
    autoscale_conflict,
    dead_letter_path,
    no_way_out,
    one_connection,
    one_node,
    priority_ignored,
    queue_named_twice,
    useless_binding,
)
from dashboard.findings.topology_faults import MOST_OF_A_KIND, TopologyFault, faults
from dashboard.findings.topology_reader import TopologyReader
from dashboard.models import RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, facts, found, unsure, worker
from tests.findings.test_drift import consumed
from tests.findings.test_drift import drifts as drifted
from tests.findings.test_drift import worker as reports

OF_TOPOLOGY: list[Any] = [useless_binding, no_way_out, alternate_nowhere, dead_letter_path]


def topology(*bindings: tuple[str, str, str], **queues: dict[str, Any]) -> list[TopologyFault]:
    exchanges = (ExchangeDefinition("orders", "topic", arguments={"alternate-exchange": "gone"}), ExchangeDefinition("end", "fanout"))
    bound = tuple(BindingDefinition(source, to, "queue", key) for source, to, key in bindings)
    made = tuple(QueueDefinition(name, "classic", arguments=arguments) for name, arguments in queues.items())
    return faults(VirtualHostRouter.from_topology(Topology("/", exchanges, made, bound)), {"celeryev"})


def shown(one: Found) -> tuple[str, str, str]:
    return one.object.name, one.level, one.whole_title


def test_faults_of_a_topology_are_findings_about_their_objects() -> None:
    dead: dict[str, Any] = {"x-dead-letter-exchange": "end"}
    round_: dict[str, Any] = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "retry"}
    seen = facts(topology_faults=topology(("orders", "mail", "#"), ("orders", "mail", "order.new"), mail=dead, retry=round_))
    assert [shown(one) for one in found(useless_binding, seen)] == [("orders", "notice", "orders has 1 binding without effect")]
    assert ("end", "notice", "end has no way out: no queue can be reached from it") in [shown(one) for one in found(no_way_out, seen)]
    assert [shown(one) for one in found(alternate_nowhere, seen)] == [("orders", "warning", "orders has an alternate exchange that does not exist")]
    assert [shown(one) for one in found(dead_letter_path, seen)] == [
        ("mail", "warning", "mail dead-letters to an exchange that leads to no queue"),
        ("retry", "notice", "retry gets its own dead letters back"),
    ]
    (useless,) = found(useless_binding, seen)
    assert useless.summary == "The binding to mail with order.new matches only what another one matches: the one with #."


def test_a_topology_that_is_not_known_is_not_assessed_and_a_rule_can_be_switched_off() -> None:
    assert [len(unsure(rule, facts())) for rule in OF_TOPOLOGY] == [1, 1, 1, 1]
    seen = facts(topology_faults=topology(("orders", "mail", "#"), mail={}))
    off = RuleSetting(rule="alternate_nowhere", threshold="off", value=1, name="orders", broker="*", vhost="*", at=NOON)
    assert found(alternate_nowhere, seen, off) == []


@pytest.mark.django_db
def test_of_many_exchanges_without_a_way_out_those_are_found_that_are_published_to() -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=NOON, polled_at=NOON, topology_at=NOON, version="3.10.8")
    vhost = VirtualHost.objects.create(broker=broker, name="/", first_seen_at=NOON)
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": NOON, "type": "fanout", "durable": True, "auto_delete": False, "internal": False}
    most = 2 * MOST_OF_A_KIND
    Exchange.objects.bulk_create(Exchange(**here, changed_at=NOON, name=f"x{number:04}") for number in range(most))
    Exchange.objects.filter(name=f"x{most - 1:04}").update(publish_in_per_second=1.0)
    assert [one.name for one in TopologyReader().faults(broker, [vhost], NOON) or ()] == [f"x{most - 1:04}"]
    Exchange.objects.update(publish_in_per_second=1.0)
    assert len(TopologyReader().faults(broker, [vhost], NOON) or ()) == MOST_OF_A_KIND


def test_exchanges_of_celery_itself_and_of_rabbitmq_are_left_out_whatever_is_published() -> None:
    exchanges = [ExchangeDefinition(name, "topic") for name in ("celeryev", "amq.rabbitmq.trace", "celery_delayed_27", "celery_delayed_delivery", "mine")]
    exchanges += [ExchangeDefinition(f"x{number:04}", "fanout") for number in range(2 * MOST_OF_A_KIND)]
    found_there = faults(VirtualHostRouter.from_topology(Topology("/", tuple(sorted(exchanges)))), {"celeryev"})
    names = [one.name for one in found_there if one.what == "no way out" and not one.name.startswith("amq.")]
    assert names[0] == "mine" and len(names) == 2 * MOST_OF_A_KIND + 1, "which of them are published to is not known here"


@pytest.mark.django_db
def test_the_reader_finds_objects_by_their_keys_and_looks_again_once_the_topology_changed() -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=NOON, polled_at=NOON, topology_at=NOON, version="3.10.8")
    vhost = VirtualHost.objects.create(broker=broker, name="/", first_seen_at=NOON)
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": NOON}
    kinds: dict[str, Any] = {"durable": True, "auto_delete": False, "internal": False, "changed_at": NOON}
    used = Exchange.objects.create(**here, **kinds, name="used", type="fanout", publish_in_per_second=0.5)
    Exchange.objects.create(**here, **kinds, name="unused", type="fanout", publish_in_per_second=0.0)
    queue = Queue.objects.create(**here, name="mail", type="classic", arguments={"x-dead-letter-exchange": "gone"}, changed_at=NOON)
    reader = TopologyReader(lambda: 0.0)
    assert [(one.what, one.name, one.pk) for one in reader.faults(broker, [vhost], NOON) or ()] == [
        ("no way out", "used", used.pk),
        ("dead letters", "mail", queue.pk),
    ]
    Binding.objects.create(**here, source="used", destination="mail", destination_type="queue", routing_key="")
    soon, later = NOON.replace(second=1), NOON.replace(second=30)
    assert len(reader.faults(broker, [vhost], soon) or ()) == 2
    assert [one.what for one in reader.faults(broker, [vhost], later) or ()] == ["dead letters"]
    assert TopologyReader().faults(Broker(name="new"), [vhost], NOON) is None


@pytest.mark.django_db
def test_a_topology_that_can_not_be_looked_at_is_unknown_and_not_without_faults() -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=NOON, polled_at=NOON, topology_at=NOON, version="3.10.8")
    vhost = VirtualHost.objects.create(broker=broker, name="/", first_seen_at=NOON)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    where: dict[str, Any] = {"broker": broker, "vhost": "/", "source": "amq.headers", "destination": "mail", "destination_type": "queue", "routing_key": ""}
    Binding.objects.create(**where, first_seen_at=NOON, arguments={"deep": deep})
    seen = facts(topology_faults=TopologyReader().faults(broker, [vhost], NOON))
    for rule in OF_TOPOLOGY:
        assert [one.vhost for one in unsure(rule, seen)] == ["/"] and found(rule, seen) == []


def test_a_reader_that_took_long_rests_for_longer() -> None:
    seconds = iter([0.0, 3.0, 3.0, 3.0])
    reader, broker = TopologyReader(lambda: next(seconds)), Broker(pk=1, name="prod", topology_at=NOON)
    moments: list[datetime] = []
    for second in (0, 15, 45, 61):
        reader.faults(broker, [], NOON.replace(minute=second // 60, second=second % 60))
        moments.append(reader._checked_at)
    assert [moment.minute * 60 + moment.second for moment in moments] == [0, 0, 0, 61]


def priorities(*tasks: tuple[str, dict[str, Any]], routes: Collection[tuple[str, Any]] = (), has: Collection[str] = (), **settings: Any) -> dict[str, Any]:
    listed = [{"name": name, "attributes": attributes} for name, attributes in tasks]
    seen = ignored([(settings, ["a@web"], list(routes))], listed, lambda names: names, lambda names: [one for one in names if one in has])
    return {one.queue: one.by for one in seen}


def test_a_priority_is_ignored_by_a_queue_without_priorities() -> None:
    assert priorities(("shop.pay", {"priority": "9"})) == {"celery": ("shop.pay: 9",)}
    assert priorities(("shop.pay", {"priority": 9, "queue": "pay"}), has=["pay"]) == {}
    assert priorities(("shop.pay", {"priority": "None"}), ("shop.mail", {}), ("shop.low", {"priority": 0})) == {}
    assert priorities(routes=[("shop.*", {"queue": "jobs", "priority": 5})]) == {"jobs": ("task_routes, shop.*: 5",)}
    assert priorities(("shop.pay", {"priority": 9}), routes=[("shop.*", {"queue": "jobs"})]) == {}  # the route decides, perhaps by code
    assert priorities(task_default_priority=3, task_default_queue="main") == {"main": ("task_default_priority: 3",)}


def test_a_priority_of_the_configuration_is_a_finding_about_the_queue() -> None:
    seen = [reports(queues=(consumed("mail"),), task_default_priority=3, task_default_queue="mail")]
    drift = drifted(seen, (), lambda _, names: names, lambda _, names: ())
    (one,) = found(priority_ignored, facts(drift=drift))
    assert (one.object.name, one.evidence[0].value, one.evidence[0].source) == ("mail", "task_default_priority: 3", "by a@web-1")


@pytest.mark.django_db
def test_a_finding_about_the_configuration_of_a_queue_that_is_in_no_trouble_knows_the_queue() -> None:
    broker = Broker.objects.create(name="prod")
    mail = Queue.objects.create(broker=broker, vhost="/", name="mail", type="classic", first_seen_at=NOON, changed_at=NOON)
    seen = [reports(queues=(consumed("mail"),), task_default_priority=3, task_default_queue="mail", task_queues=[{"name": "gone"}, {"name": "gone"}])]
    drift = with_keys(drifted(seen, (), lambda _, names: names, lambda _, names: ()), broker.pk)
    (ignored_there,), (twice,) = (found(rule, facts(drift=drift)) for rule in (priority_ignored, queue_named_twice))
    assert (ignored_there.object.pk, twice.object.pk) == (mail.pk, None)


@pytest.mark.django_db
def test_a_queue_has_priorities_by_its_argument_or_as_a_quorum_queue() -> None:
    broker = Broker.objects.create(name="prod")
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": NOON, "changed_at": NOON}
    for name, kind, arguments in (("plain", "classic", {}), ("ranked", "classic", {"x-max-priority": 9}), ("quorum", "quorum", {})):
        Queue.objects.create(**here, name=name, type=kind, arguments=arguments)
    assert for_findings.queues_with_priorities(broker.pk, "/", ["plain", "ranked", "quorum", "none"]) == {"ranked", "quorum"}


def test_a_pool_outside_the_bounds_of_its_autoscaler_is_found() -> None:
    def names(**known: Any) -> list[str]:
        return [f"{one.short}: {one.causes[0].text}" for one in found(autoscale_conflict, facts(workers=[worker(**known)]))]

    lowered, ended = "The range was lowered while processes were busy", "Processes end again and again"
    assert names(autoscale_min=2, autoscale_max=6, concurrency=8)[0].startswith(f"has a pool of 8, and its autoscaler allows 2 to 6: {lowered}")
    assert names(autoscale_min=2, autoscale_max=6, concurrency=1)[0].startswith(f"has a pool of 1, and its autoscaler allows 2 to 6: {ended}")
    assert names(autoscale_min=2, autoscale_max=6, concurrency=6) == names(concurrency=8) == names(autoscale_min=2, autoscale_max=6, concurrency=None) == []


def test_a_busy_queue_on_one_node_is_found_and_one_on_two_or_with_little_to_do_is_not() -> None:
    rates = {"alone": 80.0, "shared": 80.0, "quiet": 5.0, "not known": 80.0}
    busy = [BusyQueue(number, "/", name, rate, NOON) for number, (name, rate) in enumerate(rates.items())]
    nodes = {"alone": {"a@web-1"}, "shared": {"a@web-1", "b@web-2"}, "quiet": {"a@web-1"}, "not known": {""}}
    seen = facts(busy_queues=lambda rate: [one for one in busy if one.ack_per_second >= rate], consuming_nodes=lambda _, queue: nodes[queue])
    assert [one.whole_title for one in found(one_node, seen)] == ["alone is consumed by a@web-1 alone"]
    low = RuleSetting(rule="one_node", threshold="rate", value=1, name="quiet", broker="*", vhost="*", at=NOON)
    assert [one.object.name for one in found(one_node, seen, low)] == ["alone", "quiet"]


@pytest.mark.django_db
def test_of_busy_queues_the_rates_are_shown_as_of_the_poll_that_they_were_read_after() -> None:
    broker, reader = Broker.objects.create(name="prod", polled_at=NOON), PolledReader(QueueReader())
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": NOON, "changed_at": NOON}
    Queue.objects.create(**here, name="busy", ack_per_second=80.0, consumers=2)
    Queue.objects.create(**here, name="busier", ack_per_second=90.0, consumers=1)
    for name, known in {
        "gone": {"gone_at": NOON},
        "unconsumed": {"consumers": 0},
        "quiet": {"ack_per_second": 1.0},
        "unknown": {"ack_per_second": None},
    }.items():
        Queue.objects.create(**{**here, "name": name, "ack_per_second": 99.0, "consumers": 1, **known})

    def read(seconds: int) -> list[tuple[str, float, datetime | None]]:
        broker.polled_at = NOON + timedelta(seconds=seconds)
        return [(one.name, one.ack_per_second, one.polled_at) for one in reader.busy_queues(broker, 50.0, broker.polled_at)]

    assert read(0) == [("busier", 90.0, NOON), ("busy", 80.0, NOON)]
    Queue.objects.filter(name="busier").update(ack_per_second=1.0)
    assert read(5) == read(0) and read(20) == [("busy", 80.0, NOON + timedelta(seconds=20))]


def connection(**known: Any) -> Connection:
    return Connection(**({"pk": 4, "broker": objects.broker(), "vhost": "/", "name": "c", "client": "shop", "channels": 3} | known))


def test_one_connection_that_publishes_and_consumes_everything_is_found() -> None:
    def titles(**known: Any) -> list[str]:
        return [one.title for one in found(one_connection, facts(only_connections=lambda: [connection(**known)]))]

    assert titles(publish_per_second=20.0, deliver_per_second=20.0) == ["shop publishes and consumes everything in / over one connection"]
    assert titles(publish_per_second=40.0, deliver_per_second=0.0) == titles(publish_per_second=1.0, deliver_per_second=1.0) == titles() == []


@pytest.mark.django_db
def test_only_connections_are_those_alone_in_their_virtual_host_beside_hareline() -> None:
    broker = Broker.objects.create(name="prod")
    for vhost, name, product in (("/", "a", "py-amqp"), ("/", "own", "Hareline 1"), ("/two", "b", "py-amqp"), ("/two", "c", "py-amqp")):
        Connection.objects.create(broker=broker, vhost=vhost, name=name, product=product, user="u", peer_host="h")
    assert [one.name for one in for_findings.only_connections(broker.pk)] == ["a"]
