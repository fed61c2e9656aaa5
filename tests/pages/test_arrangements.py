"""The page of arrangements and its call: who publishes from where, what is unknown, and what somebody with few rights sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from brokers.models import Binding, Broker, Connection, Consumer, Exchange, Policy, Queue, VirtualHost
from brokers.queries import kept
from dashboard.arrangements.declared import parse
from tests.people import person as a_person
from workers.models import Task

pytestmark = pytest.mark.django_db
NODE = "rabbit@mq-1"


class Shop:
    """A broker with the queue `mail` behind the exchange `orders`, and `jobs` behind the default exchange alone."""

    def __init__(self, now: datetime) -> None:
        kept.forget()
        self.now = now
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5, revision=1)
        VirtualHost.objects.create(broker=self.broker, name="/", first_seen_at=now)
        self.exchange("")
        self.exchange("orders", publish_in_per_second=5.0)
        for name in ("mail", "jobs"):
            facts = {"type": "classic", "auto_delete": False, "ready": 0, "unacknowledged": 0, "depth": 0, "consumers": 1, "publish_per_second": 5.0}
            Queue.objects.create(**self.seen, name=name, node=NODE, **facts)
        Binding.objects.create(**self.here, source="orders", destination="mail", destination_type="queue", routing_key="a", first_seen_at=now)

    @property
    def here(self) -> dict[str, Any]:
        return {"broker": self.broker, "vhost": "/"}

    @property
    def seen(self) -> dict[str, Any]:
        return {**self.here, "first_seen_at": self.now, "changed_at": self.now}

    def exchange(self, name: str, **known: Any) -> None:
        Exchange.objects.create(**self.seen, name=name, type="direct", durable=True, auto_delete=False, internal=False, **known)

    def connection(self, peer: str, end: str = "10.0.0.2", **known: Any) -> str:
        name = f"{peer}:{Connection.objects.count()} -> {end}:5672"
        Connection.objects.create(**self.here, name=name, peer_host=peer, node=NODE, user="shop", product="py-amqp", **known)
        return name

    def consumes(self, queue: str, peer: str, **known: Any) -> None:
        name = self.connection(peer, **known)
        Consumer.objects.create(**self.here, queue=queue, tag="t", connection_name=name, peer_host=peer)

    def publishes(self, exchange: str, peer: str, **known: Any) -> None:
        name = self.connection(peer, publish_per_second=5.0, **known)
        rows = Exchange.objects.filter(name=exchange)
        before = rows.get().publishers or []
        rows.update(publishers=[*before, {"connection": name, "host": peer, "user": "shop", "per_second": 5.0}], publishers_at=self.now)


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def flows(person: Client) -> dict[str, dict[str, Any]]:
    answer = person.get("/api/v1/arrangements")
    assert answer.status_code == 200
    return {queue: flow for flow in answer.json()["flows"] for queue in flow["queues"]}


def test_a_flow_is_named_drawn_and_explained(person: Client, shop: Shop) -> None:
    shop.publishes("orders", "10.0.0.5")
    shop.consumes("mail", "10.0.0.6")
    mail = flows(person)["mail"]
    assert (mail["arrangement"], mail["broker_machine"], mail["unknown"]) == ("all_apart", "mq-1", [])
    assert [one["name"] for one in mail["producers"] + mail["consumers"]] == ["10.0.0.5", "10.0.0.6"]
    page = person.get("/map/arrangements/").content.decode()
    assert 'data-arrangement="all_apart"' in page and "Publishing and deliveries cross the network." in page
    assert "10.0.0.5: 1 producer; mq-1: broker; 10.0.0.6: 1 consumer" in page


def test_who_publishes_by_the_default_exchange_is_known_by_the_senders_of_tasks(person: Client, shop: Shop) -> None:
    shop.consumes("jobs", "10.0.0.6")
    shop.publishes("", "10.0.0.6")
    shop.publishes("", "10.0.0.5")
    assert flows(person)["jobs"]["unknown"] == ["which of the connections that publish do so to it is not known"]
    sent = {"uuid": "t1", "name": "shop.pay", "state": "SUCCESS", "sender": "gen7@mq-1", "queue": "jobs", "sent_at": shop.now}
    Task.objects.create(**shop.seen, **sent)
    assert flows(person)["jobs"]["arrangement"] == "producer_with_broker"


def test_publishers_that_were_not_read_yet_are_unknown_and_not_none(person: Client, shop: Shop) -> None:
    shop.consumes("mail", "10.0.0.6")
    shop.connection("10.0.0.6", publish_per_second=5.0)
    shop.connection("10.0.0.5", publish_per_second=5.0)
    mail = flows(person)["mail"]
    assert (mail["arrangement"], mail["producers_possible"]) == ("unknown", True)
    assert 'id="exchange-' in person.get("/map/arrangements/").content.decode()  # so its publishers are read while somebody looks


@pytest.mark.parametrize("by_policy", [False, True])
def test_who_publishes_before_an_alternate_exchange_may_publish_to_the_queue_behind_it(person: Client, shop: Shop, by_policy: bool) -> None:
    leads = {"alternate-exchange": "orders"}
    shop.exchange("incoming", publish_in_per_second=5.0, arguments={} if by_policy else leads)
    if by_policy:
        Policy.objects.create(**shop.here, name="unrouted", pattern="^incoming$", apply_to="exchanges", priority=0, definition=leads)
    shop.consumes("mail", "10.0.0.6")
    shop.publishes("incoming", "10.0.0.5")
    mail = flows(person)["mail"]
    assert (mail["arrangement"], mail["producers_possible"], [one["name"] for one in mail["producers"]]) == ("all_apart", True, ["10.0.0.5"])
    shop.publishes("orders", "10.0.0.7")  # who is known to publish to it counts alone
    mail = flows(person)["mail"]
    assert (mail["producers_possible"], [one["name"] for one in mail["producers"]]) == (False, ["10.0.0.7"])


def test_hareline_itself_is_neither_producer_nor_consumer(person: Client, shop: Shop) -> None:
    shop.publishes("orders", "10.0.0.5")
    shop.consumes("mail", "10.0.0.6")
    Connection.objects.create(**shop.here, name="own", peer_host="10.0.0.9", node=NODE, user="hareline", product="Hareline 1", publish_per_second=1.0)
    Consumer.objects.create(**shop.here, queue="mail", tag="peek", connection_name="own", peer_host="10.0.0.9")
    assert flows(person)["mail"]["arrangement"] == "all_apart"


def test_a_declared_machine_counts_and_one_behind_a_proxy_is_unknown(person: Client, shop: Shop, settings: Any) -> None:
    shop.publishes("orders", "10.0.0.5")
    shop.consumes("mail", "10.0.0.6")
    settings.MACHINES = {"prod": parse("web=10.0.0.5|10.0.0.6")}
    assert flows(person)["mail"]["arrangement"] == "producer_with_consumer"
    settings.MACHINES = {"prod": parse("?=10.0.0.6")}
    page = person.get("/map/arrangements/").content.decode()
    assert "10.0.0.6 is declared as an address that several machines share" in page and "HARELINE_MACHINES" in page


def test_who_may_see_one_queue_sees_no_other_client_and_not_who_publishes(client: Client, shop: Shop) -> None:
    shop.publishes("orders", "10.0.0.5")
    shop.consumes("mail", "10.0.0.6")
    shop.consumes("jobs", "10.0.0.77")
    client.force_login(a_person(broker="prod", vhost="/", queue="mail"))
    answer = client.get("/api/v1/arrangements").content.decode()
    page = client.get("/map/arrangements/").content.decode()
    for text in (answer, page):
        assert "mail" in text and "10.0.0.6" in text
        assert "jobs" not in text and "10.0.0.77" not in text and "10.0.0.5" not in text and "orders" not in text
    assert flows(client)["mail"]["arrangement"] == "unknown"


def test_a_consumer_that_publishes_is_no_producer_for_who_may_not_see_who_publishes(client: Client, shop: Shop) -> None:
    shop.consumes("mail", "10.0.0.6", publish_per_second=5.0, publishes=[{"exchange": "", "per_second": 5.0}])
    client.force_login(a_person(broker="prod", vhost="/", queue="mail"))
    assert flows(client)["mail"]["producers"] == []


def test_names_of_others_are_escaped_and_an_empty_broker_has_a_text(person: Client, shop: Shop) -> None:
    Queue.objects.filter(name="mail").update(name="<b>mail")
    page = person.get("/map/arrangements/").content.decode()
    assert "&lt;b&gt;mail" in page and "<b>mail" not in page
    Queue.objects.all().delete()
    kept.forget()
    assert "No queue is visible here." in person.get("/map/arrangements/").content.decode()


def test_in_an_experiment_of_the_lab_its_own_connections_count(person: Client, shop: Shop) -> None:
    shop.publishes("orders", "10.0.0.5")
    shop.consumes("mail", "10.0.0.6")
    Connection.objects.update(product="Hareline")
    assert "nothing consumes it" in flows(person)["mail"]["unknown"]
    for model in (VirtualHost, Queue, Exchange, Binding, Connection, Consumer):
        model.objects.update(**{"name" if model is VirtualHost else "vhost": "hareline.7f3a.lab.1"})
    kept.forget()
    assert flows(person)["mail"]["arrangement"] == "all_apart"
