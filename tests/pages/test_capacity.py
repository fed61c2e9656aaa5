"""The pages and the call about queues and nodes together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Binding, Broker, Consumer, Exchange, Queue
from brokers.store.snapshots import SnapshotWriter
from tests.people import person as a_person
from workers import store
from workers.models import Worker

pytestmark = pytest.mark.django_db
BUSY, IDLE = "busy@one", "idle@two"
Rates = Callable[[float, float], None]


class Shop:
    """A broker with a queue `mail` that the node BUSY consumes, and `reports` that IDLE does; each has its history of the last five minutes."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=5, revision=1)
        self.mail, self.reports = self.queue("mail", 600), self.queue("reports", 0)
        self.busy = self.node(BUSY, "mail", active=4, reserved=6, scheduled=2, inspected_at=now, reserved_routes=[["", "mail", 6]])
        self.idle = self.node(IDLE, "reports", active=0, reserved=0, scheduled=0, inspected_at=now)

    @property
    def seen(self) -> dict[str, Any]:
        return {"broker": self.broker, "vhost": "/", "first_seen_at": self.now, "changed_at": self.now}

    def queue(self, name: str, ready: int) -> Queue:
        return Queue.objects.create(**self.seen, name=name, type="classic", auto_delete=False, ready=ready, unacknowledged=0, depth=ready, consumers=1)

    def node(self, hostname: str, queue: str, **known: Any) -> Worker:
        Consumer.objects.create(broker=self.broker, vhost="/", queue=f"{hostname}.celery.pidbox", tag="None1", connection_name=hostname)
        Consumer.objects.create(broker=self.broker, vhost="/", queue=queue, tag="None2", connection_name=hostname)
        facts = {"state": Worker.ONLINE, "since": self.now, "pool": "prefork", "concurrency": 4, "queues": [{"name": queue}], **known}
        return Worker.objects.create(**self.seen, hostname=hostname, **facts)

    def record(self, publish: float, ack: float) -> None:
        """The rates of `mail`, and that its node ended two tasks a second."""
        Worker.objects.filter(pk=self.busy.pk).update(succeeded_per_second=2.0, failed_per_second=0.0)
        writer, sampler, begin = SnapshotWriter(self.broker.pk, "queues"), store.Sampler(self.broker.pk, 5), timezone.now() - timedelta(minutes=5)
        for at in range(60):
            moment = begin + timedelta(seconds=5 * at)
            writer.write({self.mail.pk: (600, 0, 1, publish, ack, ack, 0, None), self.reports.pk: (0, 0, 1, 0.0, 0.0, 0.0, 0, None)}, moment)
            sampler.save(Worker.objects.all(), moment)


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def text_of(person: Client, address: str) -> str:
    answer = person.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_queue_that_fills_never_gets_empty_and_more_processes_would_do_it(person: Client, shop: Shop) -> None:
    shop.record(publish=3.0, ack=2.0)
    page = text_of(person, "/workers/capacity/?view=15m")
    assert "never at this rate" in page
    assert "4 more processes would empty it by" in page  # (600 / 900 + 1) / 0.5
    assert "608" in page  # 600 ready, 6 prefetched, 2 until their ETA
    assert "all slots were used, and its queues grow (mail)" in page
    assert f"{IDLE} is idle and could consume mail." in page
    assert "It could consume mail too, if its application has these tasks." in page


def test_the_call_has_the_same_numbers_and_null_where_they_are_unknown(person: Client, shop: Shop) -> None:
    unknown = person.get("/api/v1/capacity").json()
    mail = next(item for item in unknown["queues"] if item["queue"] == "mail")
    assert (mail["outcome"], mail["drain_seconds"], mail["more_processes"], mail["publish_per_second"]) == ("unknown", None, None, None)
    assert {item["load"] for item in unknown["nodes"]} == {"unknown"}
    shop.record(publish=1.0, ack=3.0)
    known = person.get("/api/v1/capacity").json()
    mail = next(item for item in known["queues"] if item["queue"] == "mail")
    assert (mail["outcome"], mail["drain_seconds"], mail["more_processes"], mail["tasks_per_slot_second"]) == (
        "drains",
        299,
        0,
        0.5,
    )  # without the two that wait for their ETA
    assert (mail["waiting"], mail["waiting_at_least"], mail["nodes"]) == (608, False, [BUSY])
    assert {item["hostname"]: item["load"] for item in known["nodes"]} == {BUSY: "busy", IDLE: "idle"}


def test_the_matrix_names_each_arrangement(person: Client, shop: Shop) -> None:
    page = text_of(person, "/workers/matrix/?part=matrix")
    assert page.count("1:1") == 4 and page.count('<span class="sr-only">consumes it</span>') == 2
    shop.node("third@two", "mail")
    Worker.objects.filter(hostname="third@two").update(queues=None)
    assert "unknown" in text_of(person, "/workers/matrix/?part=matrix")


def test_bindings_show_from_which_of_its_queues_a_node_prefetched(person: Client, shop: Shop) -> None:
    seen = {"broker": shop.broker, "vhost": "/", "first_seen_at": shop.now - timedelta(hours=1)}
    exchange = {"name": "shop", "type": "topic", "durable": True, "auto_delete": False, "internal": False}
    Exchange.objects.create(**seen, **exchange, changed_at=shop.now)
    Queue.objects.update(first_seen_at=seen["first_seen_at"])
    for queue, key in (("mail", "mail.#"), ("reports", "report.#")):
        Binding.objects.create(**seen, source="shop", destination=queue, destination_type="queue", routing_key=key)
    declared = [{"name": "mail", "exchange": "shop", "routing_key": "mail.#"}, {"name": "reports", "exchange": "shop", "routing_key": "report.#"}]
    Worker.objects.filter(pk=shop.busy.pk).update(queues=declared, reserved_routes=[["shop", "mail.new", 6]], scheduled=0)
    found = {item["queue"]: (item["waiting"], item["waiting_at_least"]) for item in person.get("/api/v1/capacity").json()["queues"]}
    assert found == {"mail": (606, False), "reports": (0, False)}


def test_where_nothing_is_known_the_pages_say_so(person: Client) -> None:
    assert "No worker node is known here." in text_of(person, "/workers/matrix/")
    assert "No queue is consumed or has messages." in text_of(person, "/workers/capacity/")


@pytest.mark.parametrize("address", ["/workers/matrix/", "/workers/capacity/", "/api/v1/capacity"])
def test_who_may_view_one_queue_sees_this_queue_and_its_nodes_alone(client: Client, shop: Shop, address: str) -> None:
    shop.record(publish=3.0, ack=2.0)
    client.force_login(a_person("eve", vhost="/", queue="reports"))
    page = text_of(client, address)
    assert "reports" in page and IDLE in page
    assert "mail" not in page and BUSY not in page and "608" not in page
