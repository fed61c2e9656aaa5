"""How many questions each page puts to the database: no more for a dozen of everything than for one, and not more than are written down here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from brokers.database.engine import is_postgresql
from brokers.models import Binding, Broker, Change, Channel, ClientTrend, Connection, Consumer, Exchange, Node, Queue, VirtualHost
from brokers.queries import kept, topologies
from tests.people import person as a_person
from workers.models import EventSource, FailedTask, FailureGroup, FailurePart, Task, Worker
from workers.store.task_statistics import save_counted
from workers.task_statistics import Key, nothing

pytestmark = pytest.mark.django_db
MANY = 12
# Each with the most queries that it may make, also those for what is kept while the topology is the same
PAGES = {
    "/": 41,
    "/queues/": 20,
    "/queues/?q=a": 20,
    "/queues/?q=worker:w": 26,
    "/connections/": 30,
    "/connections/?q=is:celery": 30,
    "/exchanges/": 21,
    "/map/": 40,
    "/workers/": 23,
    "/workers/?view=table": 23,
    "/workers/?group=queue": 23,
    "/workers/?group=name": 23,
    "/workers/matrix/": 21,
    "/workers/capacity/": 29,
    "/map/arrangements/": 31,
    "/workers/group/?broker=prod&vhost=/&name=a@web-*": 18,
    "/history/balance/?broker=prod": 16,
    "/history/compare/?broker=prod&at=now": 24,
    "/tasks/periodic/": 14,
    "/lab/": 14,
    "/tasks/": 20,
    "/tasks/views/": 8,
    "/tasks/statistics/": 21,
    "/tasks/statistics/name/?broker=prod&vhost=/&name=shop.pay": 20,
    "/tasks/failures/": 15,
    "/tasks/failures/{failure}/": 22,
    "/send/?broker=prod&vhost=/": 22,
    "/routing/?broker=prod&vhost=/": 24,
    "/routing/?broker=prod&vhost=/&exchange=shop.orders&routing_key=a": 27,
    "/routing/?broker=prod&vhost=/&of=reach&queue=mail": 29,
    "/routing/?broker=prod&vhost=/&of=task&task=shop.pay": 31,
    "/history/changes/": 16,
    "/history/changes/{change}/": 16,
    "/findings/": 20,
    "/findings/?q=state:closed": 20,
    "/glossary/": 7,
    "/history/": 25,
    "/findings/rules/": 8,
    "/findings/rules/growing/": 8,
    "/about/": 15,
    "/queues/{queue}/": 52,
    "/exchanges/{exchange}/": 35,
    "/connections/{connection}/": 23,
    "/workers/control/?node={worker}": 12,
    "/workers/{worker}/": 45,
    "/tasks/{task}/": 24,
    "/tasks/again/": 12,
    "/tasks/again/?task={task}": 14,
    "/tasks/revoke/": 12,
    "/tasks/revoke/?task={task}": 16,
    "/tasks/flow/?broker=prod&vhost=/&root=t1": 19,
    "/api/v1/queues": 11,
    "/api/v1/exchanges": 4,
    "/api/v1/map": 30,
    "/api/v1/connections": 9,
    "/api/v1/channels": 4,
    "/api/v1/workers": 4,
    "/api/v1/lost-events": 4,
    "/api/v1/changes": 6,
    "/api/v1/marks": 6,
    "/api/v1/capacity": 18,
    "/api/v1/arrangements": 24,
    "/api/v1/tasks": 5 + is_postgresql(),  # which looks at today first
    "/api/v1/flow?broker=prod&vhost=/&root=t1": 7,
    "/api/v1/failures": 7,
    "/api/v1/task-statistics": 15,
    "/api/v1/task-statistics/compare": 9,
    "/api/v1/about": 9 + is_postgresql(),  # which sizes up its partitions
}


class Shop:
    """A broker whose one queue, exchange, worker and task are `keys`, and which can have more of everything around them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8", revision=1)
        VirtualHost.objects.create(broker=self.broker, name="/", first_seen_at=now)
        EventSource.objects.create(broker=self.broker, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
        Node.objects.create(broker=self.broker, name="rabbit@a", running=True, at=now)
        Exchange.objects.create(**self.seen, name="", type="direct", durable=True, auto_delete=False, internal=False)
        self.keys = self.add("mail", "shop.orders", "a@web-1", "t1", "")

    @property
    def seen(self) -> dict[str, Any]:
        return {"broker": self.broker, "vhost": "/", "first_seen_at": self.now, "changed_at": self.now}

    def add(self, queue: str, exchange: str, hostname: str, uuid: str, parent: str) -> dict[str, int]:
        """A queue that a worker consumes over a connection, an exchange bound to it, and a task that ran there; their keys by kind."""
        facts: dict[str, Any] = {"durable": True, "auto_delete": False, "ready": 3, "unacknowledged": 0, "depth": 3, "consumers": 1}
        made: dict[str, Any] = {"queue": Queue.objects.create(**self.seen, name=queue, exclusive=False, type="classic", **facts)}
        made["exchange"] = Exchange.objects.create(**self.seen, name=exchange, type="topic", durable=True, auto_delete=False, internal=False)
        for source in {exchange, "shop.orders"}:
            Binding.objects.create(
                broker=self.broker, vhost="/", source=source, destination=queue, destination_type="queue", routing_key="a", first_seen_at=self.now
            )
        connected: dict[str, Any] = {"broker": self.broker, "vhost": "/"}
        made["change"] = Change.objects.create(**connected, at=self.now, kind="queue", what="added", name=queue, text=f"Queue {queue} added", after={})
        made["connection"] = Connection.objects.create(**connected, name=f"c {uuid}", user="guest", peer_host="10.0.0.1", client=hostname)
        ClientTrend.objects.create(**connected, user=uuid, peer_host="10.0.0.1", product="py-amqp", samples=[[1, 2, 3]])
        for connection_name in {f"c {uuid}", "c t1"}:
            channel = {"connection_name": connection_name, "number": Channel.objects.count()}
            Channel.objects.create(**connected, name=f"{connection_name} ({channel['number']})", **channel)
        for consumed in {queue, "mail"}:
            Consumer.objects.create(**connected, queue=consumed, tag=uuid, connection_name=f"c {uuid}", channel_name=f"c {uuid} (1)")
        lists: dict[str, Any] = {"queues": [{"name": queue}, {"name": "mail"}], "registered": [{"name": "shop.pay", "attributes": {}}]}
        made["worker"] = Worker.objects.create(**self.seen, hostname=hostname, state=Worker.ONLINE, since=self.now, pool="prefork", concurrency=2, **lists)
        ran: dict[str, Any] = {"worker": hostname, "queue": queue, "received_at": self.now, "root_id": "t1", "parent_id": parent or None}
        made["task"] = Task.objects.create(**self.seen, uuid=uuid, name="shop.pay", state="SUCCESS", **ran)
        failed: dict[str, Any] = {"vhost": "/", "fingerprint": uuid, "exception": "E", "first_at": self.now, "last_at": self.now}
        made["failure"] = FailureGroup.objects.create(broker=self.broker, **failed)
        for group in {made["failure"], FailureGroup.objects.get(fingerprint="t1")}:
            FailurePart.objects.create(group=group, kind="task", name=f"shop.{uuid}", count=1)
        FailedTask.objects.create(task_id=made["task"].pk, group=FailureGroup.objects.get(fingerprint="t1"), failed_at=self.now, queue=queue)
        save_counted(self.broker.pk, "/", {Key(int(self.now.timestamp()) // 60 * 60, name, queue): nothing() for name in ("shop.pay", f"shop.{uuid}")})
        return {kind: row.pk for kind, row in made.items()}


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def queries_of(person: Client, address: str, **headers: str) -> list[str]:
    """The questions of a page while nothing is kept of what was worked out since the last poll."""
    topologies._kept.clear()
    kept.forget()
    with CaptureQueriesContext(connection) as queries:
        answer = person.get(address, headers=headers)
    assert answer.status_code == 200
    of_transactions = ("SAVEPOINT", "RELEASE", "SET ")  # PostgreSQL alone needs them
    return [query["sql"] for query in queries if not query["sql"].startswith(of_transactions)]


def queries_of_each(person: Client, addresses: dict[str, str]) -> dict[str, list[str]]:
    """The questions of each page after a visit of another one, so that it is known who consumes."""
    Broker.objects.update(revision=F("revision") + 1)  # as each save does
    assert person.get("/").status_code == 200
    return {page: queries_of(person, address) for page, address in addresses.items()}


def test_who_may_see_only_some_queues_pays_no_more_for_a_dozen_of_everything_than_for_one(client: Client, shop: Shop) -> None:
    client.force_login(a_person("eve", vhost="/", queue="*"))
    pages = ("/", "/queues/", "/exchanges/", "/connections/", "/queues/{queue}/", "/exchanges/{exchange}/", "/connections/{connection}/")
    more = ("/routing/?broker=prod&vhost=/&of=reach&queue=mail", "/api/v1/connections", "/api/v1/queues")
    addresses = {page: page.format(**shop.keys) for page in (*pages, *more)}
    one = queries_of_each(client, addresses)
    for number in range(MANY):
        shop.add(f"mail{number}", f"shop.orders{number}", f"a@web-{number + 2}", f"t{number + 2}", "t1")
    many = queries_of_each(client, addresses)
    assert {address: many[address] for address in addresses if len(many[address]) > len(one[address])} == {}


def test_a_dozen_of_everything_queries_no_more_than_one_and_not_more_than_written_down(person: Client, shop: Shop) -> None:
    addresses = {page: page.format(**shop.keys) for page in PAGES}
    one = queries_of_each(person, addresses)
    for number in range(MANY):
        shop.add(f"queue-{number}", f"exchange-{number}", f"w{number}@web-2", f"c{number}", "t1")
    many = queries_of_each(person, addresses)
    assert {page: "\n".join(many[page]) for page in PAGES if len(many[page]) > len(one[page])} == {}
    assert {page: "\n".join(one[page]) for page in PAGES if len(one[page]) > PAGES[page]} == {}


@pytest.mark.parametrize("page", ["/", "/queues/", "/exchanges/", "/workers/"])
def test_no_recorded_history_is_read_twice(person: Client, shop: Shop, page: str) -> None:
    read = [sql for sql in queries_of(person, page) if "brokers_snapshot" in sql]
    assert read and len(read) == len(set(read)), "\n".join(read)
