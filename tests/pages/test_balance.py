"""The page of balances: what left queues without a delivery, and what may have been the cause."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client

from brokers import store
from brokers.models import Broker
from brokers.store import BrokerMemory
from brokers.topology import PolicyDefinition, QueueDefinition, Topology
from tests.brokers.facts import a_broker, a_poll, a_queue
from tests.people import person as a_person

pytestmark = pytest.mark.django_db
LIMITS = (PolicyDefinition("limits", "^full", "queues", 0, {"max-length": 100}),)
STEPS = 61


class Shop:
    """Five minutes of polls: `purged` loses 40,000 at once, `full` drops what comes in, `mail` works."""

    def __init__(self, now: datetime) -> None:
        self.begin = now - timedelta(seconds=5 * STEPS)
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, since=self.begin, polled_at=now, poll_seconds=5, revision=1, version="3.10.8")
        memory = BrokerMemory()
        names = ("full", "mail", "purged", "gone")
        for step in range(STEPS):
            at = self.begin + timedelta(seconds=5 * step)
            counted = {"delivered": 0, "acknowledged": 0, "redelivered": 0}
            full = a_queue("full", ready=100, unacknowledged=0, published=1000 + 200 * step, **counted)
            purged = a_queue("purged", ready=40_000 if step < 30 else 0, unacknowledged=0, published=40_000, **counted)
            mail = a_queue("mail", ready=0, unacknowledged=0, published=50 * step, delivered=50 * step, acknowledged=50 * step, redelivered=0)
            gone = [a_queue("gone", ready=7, unacknowledged=5, published=12, **counted)] if step < 40 else []
            store.save_poll(self.broker.pk, a_poll(at, full, purged, mail, *gone, lists_all=True), at, memory)
            if step in (0, 45):
                queues = tuple(QueueDefinition(name, "classic") for name in names if step == 0 or name != "gone")
                store.save_topology(self.broker.pk, {"/": Topology("/", queues=queues, policies=LIMITS)}, None, None, None, at, memory)


@pytest.fixture
def shop(now: datetime) -> Shop:
    return Shop(now)


def rows(page: str) -> dict[str, str]:
    """{queue: the text of its row}."""
    body = re.search(r"<tbody[^>]*>(.*)</tbody>", page, re.DOTALL)
    found = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in body[1].split("</tr>")[:-1]] if body else []
    return {text.split()[0]: text for text in found}


def test_what_left_without_a_delivery_is_named_with_what_the_evidence_allows(person: Client, shop: Shop) -> None:
    found = rows(person.get("/history/balance/").content.decode())
    assert set(found) == {"purged", "full", "gone"}
    assert "40,000 messages left, without a delivery." in found["purged"]
    assert re.search(r"possible Purge ?:", found["purged"]) and re.search(
        r"ruled out Drop by a length limit ?: The queue has no length limit.", found["purged"]
    )
    assert "12,000" in found["full"] and re.search(r"possible Drop by a length limit ?: It was at its max-length of 100", found["full"])
    assert re.search(r"ruled out Delivered, not acknowledged ?: Nothing was delivered.", found["full"])
    assert "The queue was deleted with 12 messages" in found["gone"]


def test_queues_without_counters_are_not_said_to_be_explained(person: Client, now: datetime) -> None:
    broker, memory = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=5, revision=1, version="3.10.8"), BrokerMemory()
    for step in range(10):
        at = now - timedelta(seconds=5 * (10 - step))
        counted = {"published": 0, "delivered": 0, "acknowledged": 0, "redelivered": 0}
        store.save_poll(broker.pk, a_poll(at, a_queue("bare", ready=0, unacknowledged=0), a_queue("mail", ready=0, unacknowledged=0, **counted)), at, memory)
    page = person.get("/history/balance/").content.decode()
    assert "Nothing unexplained" in page and "1 queue could not be balanced" in page
    bare = person.get("/history/balance/", {"q": "bare"}).content.decode()
    assert "Nothing unexplained" not in bare and "Not recorded" in bare


def test_the_time_and_the_queues_are_in_the_address(person: Client, shop: Shop) -> None:
    assert set(rows(person.get("/history/balance/", {"q": "FULL"}).content.decode())) == {"full"}
    before = {"to": f"{shop.begin + timedelta(seconds=120):%Y-%m-%dT%H:%M:%SZ}"}
    assert set(rows(person.get("/history/balance/", before).content.decode())) == {"full"}
    long_ago = person.get("/history/balance/", {"from": "2020-01-01", "to": "2020-01-02"}).content.decode()
    assert "Not recorded" in long_ago and "At most six hours are shown." in long_ago


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"from": "soon"}, "Write a moment"),
        ({"to": "2900-01-01"}, "in the future"),
        ({"from": "-1min", "to": "-1h"}, "ends before it begins"),
    ],
)
def test_a_wrong_time_is_explained(person: Client, given: dict[str, str], problem: str) -> None:
    a_broker()
    assert problem in person.get("/history/balance/", given).content.decode()


def test_a_queue_without_counters_that_is_gone_is_listed_with_what_is_missing(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=5, revision=1, version="3.10.8")
    memory = BrokerMemory()
    for step in range(STEPS):
        at = now - timedelta(seconds=5 * (STEPS - step))
        bare = [a_queue("bare", ready=7, unacknowledged=0)] if step < 30 else []
        store.save_poll(broker.pk, a_poll(at, *bare, lists_all=True), at, memory)
    page = person.get("/history/balance/").content.decode()
    assert set(rows(page)) == {"bare"} and "1 queue could not be balanced" in page


def test_others_queues_are_not_counted(client: Client, shop: Shop) -> None:
    client.force_login(a_person("eve", "viewer", vhost="/", queue="full"))
    page = client.get("/history/balance/").content.decode()
    assert set(rows(page)) == {"full"} and "purged" not in page and re.search(r"\b1\s+queue\.", page)


def test_without_a_broker_there_is_nothing(person: Client) -> None:
    assert person.get("/history/balance/").status_code == 200
