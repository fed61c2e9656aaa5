"""Who publishes to an exchange: by client, and only as of now; what was read before an outage, or long ago, is unknown."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from brokers.models import Broker, Connection, Exchange
from dashboard.exchanges.publishers import Publisher, publishers_of
from dashboard.exchanges.row import known_publishers

NOON = datetime.fromisoformat("2026-11-24T12:00:00+00:00")


@pytest.mark.parametrize(
    ("read", "since", "polled", "state", "known"),
    [
        (-5, -3600, 0, "up", True),
        (-15, -3600, 0, "up", True),
        (-16, -3600, 0, "up", False),  # nobody looked since
        (-10, -5, 0, "up", False),  # before the outage
        (-5, -5, 0, "up", True),
        (-5, -1, 0, "unreachable", False),
        (-120, -3600, -120, "up", False),  # not polled
        (None, -3600, 0, "up", False),
    ],
)
def test_what_is_known(read: int | None, since: int, polled: int, state: str, known: bool) -> None:
    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    broker = Broker(name="prod", state=state, since=moment(since), polled_at=moment(polled), poll_seconds=5)
    exchange = Exchange(broker=broker, name="orders", publishers=[{"host": "web"}], publishers_at=moment(read))
    assert known_publishers(exchange, NOON) == (([{"host": "web"}], moment(read)) if known else (None, None))


def channel(connection: str, per_second: float | None, **facts: str) -> dict[str, object]:
    return {"connection": connection, "host": "127.0.0.1", "user": "hareline", "per_second": per_second, **facts}


def test_each_connection_is_one_line_under_the_name_that_its_program_gave() -> None:
    named = Connection(name="c1", provided_name="shop web-1", product="py-amqp 5.3.1", user="hareline")
    unnamed = Connection(name="c2", product="pika 1.3.2", user="hareline")
    sample = [channel("c1", 0.5), channel("c2", 3.0), channel("c1", 1.0), channel("c3", None), channel("", 0.1, host="web-2", user="")]
    assert publishers_of(sample, [named, unnamed]) == [
        Publisher("pika 1.3.2", "", "hareline", "c2", "3.0"),
        Publisher("shop web-1", "py-amqp 5.3.1", "hareline", "c1", "1.5"),
        Publisher("", "", "", "web-2", "0.1"),
        Publisher("", "", "hareline", "c3", "–"),
    ]


@pytest.mark.django_db
def test_the_page_lists_clients_users_and_connections(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now - timedelta(hours=1), polled_at=now, poll_seconds=60)
    facts = {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
    sample = [channel("c1", 2.0), channel("c2", 1.0)]
    orders = Exchange.objects.create(broker=broker, vhost="/", name="orders", publishers=sample, publishers_at=now, **facts)
    for vhost, name, given in (("/", "c1", "<shop>"), ("/other", "c2", "another virtual host")):
        Connection.objects.create(broker=broker, vhost=vhost, name=name, provided_name=given, user="hareline", peer_host="127.0.0.1")
    page = person.get(f"/exchanges/{orders.pk}/", {"part": "publishers"}).content.decode()
    assert "<bdi>&lt;shop&gt;</bdi>" in page and "<bdi>c1</bdi>" in page and page.count("hareline") == 2
    assert "another virtual host" not in page
