"""The connections page and one connection's page: what each client does, which program it is, leaks and churn, and what is unknown."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from brokers import parts
from brokers.models import Broker, Channel, ClientTrend, Connection, Consumer, Exchange, Queue, VirtualHost
from brokers.visibility import STATISTICS_OFF, no_monitoring
from dashboard.connections.growth import growth
from dashboard.connections.text import churn_text
from dashboard.live.sources import load
from dashboard.live.topics import CONNECTIONS, Topic
from tests.findings.evaluated import evaluate
from workers.models import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    broker = Broker.objects.create(
        name="prod",
        state=Broker.UP,
        reason="",
        since=now,
        polled_at=now,
        poll_seconds=60,
        connections_at=now,
        channels_at=now,
        object_totals={"connections": 3},
    )
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    return broker


def connection(broker: Broker, client: str, **fields: Any) -> Connection:
    number = 50000 + Connection.objects.count()
    known = {"user": "shop", "peer_host": "10.0.0.1", "peer_port": number, "state": "running", "node": "rabbit@a", "channels": 1, "product": "py-amqp 5.3.1"}
    name = f"10.0.0.1:{number} -> 10.0.0.9:5672"
    return Connection.objects.create(**{"broker": broker, "vhost": "/", "name": name, "client": client, "provided_name": client, **known, **fields})


def consume(of: Connection, queue: str, tag: str = "t") -> None:
    Channel.objects.get_or_create(
        broker=of.broker,
        vhost="/",
        name=f"{of.name} (1)",
        connection_name=of.name,
        number=1,
        defaults={"global_prefetch": 16, "unacknowledged": 3, "consumers": 1},
    )
    Consumer.objects.create(broker=of.broker, vhost="/", queue=queue, tag=tag, connection_name=of.name, channel_name=f"{of.name} (1)", peer_host=of.peer_host)


def text_of(person: Client, address: str = "/connections/", **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(page: str, *connections: Connection) -> list[str]:
    places = {page.find(f'id="connection-{one.pk}"'): one.client for one in connections}
    return [name for place, name in sorted(places.items()) if place >= 0]


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/connections/").headers["Location"].startswith("/login/")
    assert client.get("/connections/1/").headers["Location"].startswith("/login/")


def test_the_list_shows_what_each_client_does_and_where_it_is(person: Client, broker: Broker) -> None:
    connection(broker, "orders-api", state="blocked", tls=True, unacknowledged=7, publish_per_second=2.5)
    page = text_of(person)
    for words in ("orders-api", "py-amqp 5.3.1", "shop", "10.0.0.1:50000", "rabbit@a", "TLS", "blocked", ">7<", ">2.5<"):
        assert words in page
    assert 'data-level="critical"' in page and f"connections/{broker.pk}/%2F" in page
    assert 'aria-current="page" title="Connections"' in page


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["a", "w", "b"]),  # w is shown, and sorted, as a@web-1
        ("state:blocked", ["b"]),
        ("user:ann", ["a"]),
        ("10.0.0.7", ["a"]),
        ("tls:yes", ["b"]),
        ("channels>10", ["b"]),
        ("unacked>=0", ["b"]),
        ("worker:web-1", ["w"]),
        ("queue:mail", ["w"]),
        ("is:celery", ["w"]),
        ("is:hareline", ["a"]),
        ("is:closed", ["gone"]),
        ("is:growing", []),
        ("flavour:sweet", []),
    ],
)
def test_the_filter_chooses(person: Client, broker: Broker, now: datetime, text: str, names: list[str]) -> None:
    found = [
        connection(broker, "a", user="ann", peer_host="10.0.0.7", product="Hareline 1"),
        connection(broker, "b", state="blocked", tls=True, channels=30, unacknowledged=0),
        connection(broker, "w"),
        connection(broker, "gone", gone_at=now),
    ]
    for queue in ("mail", "a@web-1.celery.pidbox"):
        consume(found[2], queue)
    assert listed(text_of(person, q=text), *found) == names


def test_the_order_by_client_is_that_of_the_names_shown(person: Client, broker: Broker) -> None:
    worker, other, last = connection(broker, "py-amqp 5.3.1"), connection(broker, "py-amqp 5.3.1"), connection(broker, "Zebra")
    for queue in ("mail", "orders", "reports", "a@web-1.celery.pidbox"):
        consume(worker, queue)
    for sort, order in (("client", [worker, other, last]), ("-client", [last, other, worker])):
        page = text_of(person, sort=sort)
        found = re.findall(r'id="connection-(\d+)"', page)
        assert (sort, found) == (sort, [str(one.pk) for one in order])


def test_its_page_shows_the_virtual_host_and_both_directions(person: Client, broker: Broker) -> None:
    one = connection(broker, "orders-api", received_bytes_per_second=49.0, sent_bytes_per_second=20_200.0)
    page = text_of(person, f"/connections/{one.pk}/")
    assert '<dt>From client</dt><dd data-text="received">49 B/s</dd>' in page and '<dt>To client</dt><dd data-text="sent">20.2 kB/s</dd>' in page
    assert '<code class="switcher-name">/</code>' in page


def test_a_celery_worker_and_hareline_itself_are_named(person: Client, broker: Broker, now: datetime) -> None:
    worker = Worker.objects.create(broker=broker, vhost="/", hostname="a@web-1", state=Worker.ONLINE, first_seen_at=now, changed_at=now)
    one = connection(broker, "")
    consume(one, "a@web-1.celery.pidbox")
    connection(broker, "hareline events", product="Hareline 1")
    connection(broker, "Shovel s1", peer_host="")
    page = text_of(person)
    assert (
        '<bdi>a@web-1</bdi></a> <span class="tag">Celery</span>' in page
        and '<span class="tag">Hareline</span>' in page
        and '<span class="tag">the broker itself</span>' in page
    )
    assert f'href="/workers/{worker.pk}/"' in text_of(person, f"/connections/{one.pk}/")


def test_a_connection_shows_its_channels_queues_and_exchanges(person: Client, broker: Broker, now: datetime) -> None:
    one = connection(broker, "orders-api", publishes=[{"exchange": "shop", "per_second": 4.0}], publishes_at=now, protocol="AMQP 0-9-1")
    mail = Queue.objects.create(broker=broker, vhost="/", name="mail", first_seen_at=now, changed_at=now)
    shop = Exchange.objects.create(
        broker=broker, vhost="/", name="shop", type="topic", durable=True, auto_delete=False, internal=False, first_seen_at=now, changed_at=now
    )
    consume(one, "mail", "ctag1")
    page = text_of(person, f"/connections/{one.pk}/")
    assert f'href="/queues/{mail.pk}/"' in page and "ctag1" in page and f'href="/exchanges/{shop.pk}/"' in page and '<td class="num">4.0</td>' in page
    assert 'per channel</span></td><td class="num">3</td>' in page and "AMQP 0-9-1" in page
    assert "not a known Celery worker node" in page
    for part in ("channels", "consumes", "publishes", "notice"):
        assert person.get(f"/connections/{one.pk}/?part={part}").status_code == 200


def test_what_it_publishes_to_is_unknown_with_the_reason(person: Client, broker: Broker, now: datetime) -> None:
    one = connection(broker, "api")
    assert "queried only while this page is open" in text_of(person, f"/connections/{one.pk}/")
    Connection.objects.update(publishes_at=now)
    assert "management.rates_mode = detailed" in text_of(person, f"/connections/{one.pk}/")


def test_a_closed_connection_keeps_its_page_and_one_that_is_forgotten_has_none(person: Client, broker: Broker, now: datetime) -> None:
    one = connection(broker, "api", gone_at=now)
    page = text_of(person, f"/connections/{one.pk}/")
    assert "This connection is closed." in page and "A closed connection has no channels." in page
    assert person.get("/connections/4711/").status_code == 404


def test_without_rights_or_statistics_it_is_unknown_and_never_none(person: Client, broker: Broker) -> None:
    limit = no_monitoring("eve", ["management"])
    Broker.objects.update(limits=[{"vhost": None, "what": limit.what, "why": limit.why, "grant": limit.grant, "part": ""}], object_totals={})
    page = text_of(person)
    assert "No permission to list connections" in page and "rabbitmqctl set_user_tags eve management monitoring" in page
    assert '<span class="figure-value">–</span>' in page
    one = connection(broker, "api", channels=None)
    Broker.objects.update(limits=[{"vhost": None, "what": STATISTICS_OFF.what, "why": STATISTICS_OFF.why, "grant": "", "part": ""}])
    page = text_of(person, f"/connections/{one.pk}/")
    assert page.count(f"Unknown: {escape(STATISTICS_OFF.why)}.") == 2


def test_an_unreachable_broker_has_unknown_connections_and_old_ones_say_so(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    assert "Connections are unknown" in text_of(person)
    one = connection(broker, "api")
    assert 'data-level="unknown"' in text_of(person) and "connection refused" in text_of(person, f"/connections/{one.pk}/")


def test_a_part_that_cannot_be_read_is_named(person: Client, broker: Broker, now: datetime) -> None:
    Broker.objects.update(limits=[{"vhost": None, "what": parts.CHANNELS, "why": "status 500", "grant": "", "part": parts.CHANNELS, "since": now.isoformat()}])
    one = connection(broker, "api")
    assert "Channels of prod have not been read since" in text_of(person) and "status 500" in text_of(person, f"/connections/{one.pk}/")


def test_no_connection_and_not_read_yet_are_two_things(person: Client, broker: Broker) -> None:
    assert "No client is connected" in text_of(person)
    Broker.objects.update(connections_at=None)
    assert "Connections have not been read yet" in text_of(person)


def test_a_client_that_leaks_is_named_with_its_connections(person: Client, broker: Broker, now: datetime) -> None:
    began = now - timedelta(minutes=20)
    samples = [[round((began + timedelta(minutes=minute)).timestamp()), 40 + 15 * minute, 40] for minute in range(21)]
    ClientTrend.objects.create(broker=broker, vhost="/", user="shop", peer_host="10.0.0.1", product="py-amqp 5.3.1", samples=samples)
    leaking, other = connection(broker, "leaking"), connection(broker, "other", peer_host="10.0.0.2")
    page = text_of(person)
    assert "of them are on the connection" not in page
    assert f"py-amqp 5.3.1 on 10.0.0.1, user shop in /: from 40 to 340 connections since {began:%H:%M}" in page
    assert f"q=user%3Ashop+host%3A10.0.0.1+{quote('product:')}%22py-amqp+5.3.1%22" in page
    assert listed(text_of(person, q="is:growing"), leaking, other) == ["leaking"]
    assert 'Growing <span class="view-count">1</span>' in page
    for number in range(339):  # as many as the broker lists now
        connection(broker, f"leaking {number}")
    evaluate(now)
    overview = text_of(person, "/", broker="prod")
    assert f"opens more and more connections: 40 at {began:%H:%M}, 340 at {now:%H:%M}</h1>" in overview and 'href="/connections/?broker=prod' in overview


def test_the_connection_with_most_channels_of_a_client_that_leaks_them_is_named(person: Client, broker: Broker, now: datetime) -> None:
    samples = [[round((now - timedelta(minutes=20 - minute)).timestamp()), 2, 20 + 4 * minute] for minute in range(21)]
    ClientTrend.objects.create(broker=broker, vhost="/", user="shop", peer_host="10.0.0.1", product="py-amqp 5.3.1", samples=samples)
    connection(broker, "quiet", channels=20)
    leaky = connection(broker, "10.0.0.1:5 -> 10.0.0.9:5672", provided_name="leaky-client", channels=80)
    assert "from 20 to 100 channels" in text_of(person) and "80 of them are on the connection leaky-client." in text_of(person)
    assert "Its client seems to leak" in text_of(person, f"/connections/{leaky.pk}/")


@pytest.mark.parametrize(
    ("counts", "leaks"),
    [
        ([], False),
        ([5], False),
        ([5 + 2 * minute for minute in range(20)], True),
        ([5, 5, 5, *(5 + 2 * minute for minute in range(20))], True),
        ([100 + 20 * minute - (minute % 2) for minute in range(20)], True),
        ([5] * 5 + [60] * 15, False),  # a deployment
        ([5 + 10 * minute for minute in range(8)] + [75] * 12, False),  # it stopped
        ([50, 10, 50, 10, 50, 10, 50, 10, 60], False),  # it breathes
        ([1000 + minute for minute in range(20)], False),  # next to nothing of so many
        ([90 - minute for minute in range(20)], False),
    ],
)
def test_a_leak_rises_again_and_again(counts: list[int], leaks: bool) -> None:
    samples = [[60 * minute, count, 2 * count] for minute, count in enumerate(counts)]
    assert (growth(samples) is not None) is leaks
    assert (growth([[at, 1, count] for at, count, _ in samples], "channels") is not None) is leaks


def test_connections_that_live_only_for_seconds_are_named(person: Client, broker: Broker) -> None:
    Broker.objects.update(connections_opened_per_second=12.0, connections_closed_per_second=11.9, object_totals={"connections": 36, "channels": 40})
    page = text_of(person)
    assert "prod: 12.0 connections a second are opened and 11.9 closed, so on average they live for about 3 s." in page
    assert "Opened and closed all the time." in page
    for calm in (
        {"connections_opened_per_second": 0.1, "connections_closed_per_second": 0.1},
        {"connections_opened_per_second": 0.9, "connections_closed_per_second": 5.0},
        {"connections_opened_per_second": 12.0, "connections_closed_per_second": 0.0},
        {"connections_opened_per_second": None, "connections_closed_per_second": 12.0},
    ):
        assert churn_text(Broker(name="b", object_totals={"connections": 36}, **calm)) == []


def test_the_completion_knows_what_exists(person: Client, broker: Broker) -> None:
    connection(broker, "orders", user="shop user")
    assert 'data-text="user:&quot;shop user&quot;" data-done' in text_of(person, part="completion", typed="user:sh")
    assert 'data-text="state:blocked" data-done' in text_of(person, part="completion", typed="state:bl")


def test_those_closed_last_come_first(person: Client, broker: Broker, now: datetime) -> None:
    early, late = (connection(broker, client, gone_at=now - timedelta(minutes=minutes)) for client, minutes in (("a", 9), ("b", 1)))
    assert listed(text_of(person, q="is:closed"), early, late) == ["b", "a"]
    assert listed(text_of(person, q="is:closed", sort="client"), early, late) == ["a", "b"]


def test_a_page_is_sent_what_changes_of_its_connections(broker: Broker) -> None:
    one, other = connection(broker, "api", state="blocked"), connection(broker, "elsewhere", vhost="/other")
    topic = Topic(CONNECTIONS, broker.pk, "/")
    loaded = load(topic, [f"connection-{one.pk}", f"connection-{other.pk}", "queue-1"])
    assert (loaded.names, list(loaded.rows)) == ({f"connection-{one.pk}": one.name}, [f"connection-{one.pk}"]), (
        "by this name the poller reads what it publishes to"
    )
    assert loaded.rows[f"connection-{one.pk}"](broker.polled_at or one.connected_at).text["state"] == "blocked"
    before = loaded.facts
    Broker.objects.update(connections_at=broker.connections_at + timedelta(seconds=30))  # type: ignore[operator]
    assert {name for name, value in load(topic, []).facts.items() if value != before[name]} == {"clients"}
    one.delete()
    assert {name for name, value in load(topic, []).facts.items() if value != before[name]} == {"clients", "connections", "table"}


def test_every_part_is_rendered_alone(person: Client, broker: Broker) -> None:
    for part in ("table", "views", "notices", "figures"):
        assert "<html" not in text_of(person, part=part)


def test_figures_have_the_age_of_their_poll_and_are_marked_once_the_broker_is_gone(person: Client, broker: Broker) -> None:
    figures = text_of(person, part="figures")
    assert f"as of {broker.polled_at:%H:%M:%S}" in figures and "data-old" not in figures  # they come with each poll, the list of connections rarer
    Broker.objects.update(state=Broker.UNREACHABLE)
    assert "data-old" in text_of(person, part="figures")
