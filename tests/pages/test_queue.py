"""One queue's page: fate of a message, bindings, consumers, settings, charts; also of a queue that is gone or not available."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Binding, Broker, Channel, Connection, Consumer, Exchange, Policy, Queue
from brokers.store import save_poll
from brokers.store.memory import BrokerMemory
from tests.brokers.facts import a_poll, a_queue
from workers.models import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


def queue(broker: Broker, name: str = "mail", **facts: Any) -> Queue:
    now = timezone.now()
    known: dict[str, Any] = {"type": "classic", "state": "running", "durable": True, "consumers": 1, "ready": 12480, "unacknowledged": 0, "depth": 12480}
    return Queue.objects.create(broker=broker, vhost="/", name=name, first_seen_at=now, changed_at=now, **{**known, **facts})


def exchange(broker: Broker, name: str, kind: str, **facts: Any) -> Exchange:
    now = timezone.now()
    known: dict[str, Any] = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
    return Exchange.objects.create(broker=broker, vhost="/", name=name, type=kind, **{**known, **facts})


def bind(broker: Broker, source: str, destination: str, key: str = "", **facts: Any) -> Binding:
    known = {"destination_type": "queue", "first_seen_at": timezone.now(), "routing_key": key}
    return Binding.objects.create(broker=broker, vhost="/", source=source, destination=destination, **{**known, **facts})


def consume(broker: Broker, name: str, connection: str = "c1", host: str = "10.0.0.1", **facts: Any) -> Consumer:
    channel = f"{connection} (1)"
    return Consumer.objects.create(broker=broker, vhost="/", queue=name, tag="t", connection_name=connection, channel_name=channel, peer_host=host, **facts)


def text_of(person: Client, shown: Queue, **query: str) -> str:
    answer = person.get(f"/queues/{shown.pk}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/queues/1/").headers["Location"].startswith("/login/")


def test_an_unknown_id_is_not_found(person: Client) -> None:
    assert person.get("/queues/999/").status_code == 404


def test_the_head_shows_name_level_and_policy(person: Client, broker: Broker, now: datetime) -> None:
    shown = queue(broker, consumers=0, publish_per_second=24.0, deliver_per_second=0.0, nobody_consumes_since=now - timedelta(hours=1), policy="limits")
    page = text_of(person, shown)
    assert f'id="queue-{shown.pk}" data-live data-level="critical"' in page
    assert "is growing and nobody consumes it" in page
    assert "policy limits" in page and "12,480" in page
    assert f"/history/balance/?{escape(urlencode({'broker': broker.name, 'vhost': shown.vhost, 'q': shown.name}))}" in page


def test_each_step_of_a_message_names_its_source(person: Client, broker: Broker) -> None:
    exchange(broker, "shop.dead", "direct")
    Policy.objects.create(broker=broker, vhost="/", name="limits", pattern="^mail$", apply_to="queues", priority=1, definition={"message-ttl": 21_600_000})
    shown = queue(broker, policy="limits", effective_policy={"message-ttl": 21_600_000}, arguments={"x-dead-letter-exchange": "shop.dead"})
    page = text_of(person, shown)
    assert "Expires after 6 h" in page and "message-ttl 21,600,000 ms from policy limits" in page
    assert "Dead-lettered to shop.dead" in page
    missing = queue(broker, "other", arguments={"x-dead-letter-exchange": "nowhere"})
    assert "Dead letters are lost: nowhere does not exist" in text_of(person, missing)


def test_bindings_are_explained_by_their_exchange(person: Client, broker: Broker) -> None:
    orders = exchange(broker, "shop.orders", "topic")
    exchange(broker, "shop.headers", "headers")
    exchange(broker, "", "direct")
    bind(broker, "shop.orders", "mail", "order.*.eu")
    bind(broker, "shop.headers", "mail", arguments={"x-match": "any", "kind": "<mail>"})
    bind(broker, "", "mail", "mail")
    bind(broker, "shop.orders", "other", "never")
    page = text_of(person, queue(broker), part="bindings")
    assert f'href="/exchanges/{orders.pk}/"' in page and "order.*.eu" in page
    assert "any of kind = &lt;mail&gt;" in page
    assert "(default)" in page and "implicit" in page
    assert "never" not in page and "<html" not in page


def test_consumers_are_worker_nodes_or_hosts_with_their_prefetch(person: Client, broker: Broker, now: datetime) -> None:
    worker = Worker.objects.create(
        broker=broker, vhost="/", hostname="a@web-1", state="online", concurrency=4, active=1, since=now, heartbeat_at=now, first_seen_at=now, changed_at=now
    )
    for number, shared in ((1, 32), (2, 0)):
        Connection.objects.create(broker=broker, vhost="/", name=f"c{number}", user="u", peer_host=f"10.0.0.{number}")
        Channel.objects.create(broker=broker, vhost="/", name=f"c{number} (1)", connection_name=f"c{number}", number=1, global_prefetch=shared)
    consume(broker, "mail", prefetch=0)
    consume(broker, "a@web-1.celery.pidbox")
    consume(broker, "mail", "c2", "10.0.0.2", prefetch=0)
    page = text_of(person, queue(broker, consumers=2), part="consumers")
    assert f'href="/workers/{worker.pk}/"' in page and f'data-live="worker-{worker.pk}"' in page
    assert "1</strong> of 4 used, 3 free" in page
    assert "32<br>" in page and "per channel" in page
    assert "10.0.0.2" in page and "(not Celery)" in page and "no limit" in page
    assert f'href="/connections/{Connection.objects.get(name="c2").pk}/"' in page


def test_a_consumer_without_channel_is_an_amqp_1_0_client(person: Client, broker: Broker) -> None:
    Consumer.objects.create(broker=broker, vhost="/", queue="mail", tag="0")
    page = text_of(person, queue(broker, consumers=1), part="consumers")
    assert "(an AMQP 1.0 client: the broker names no connection of it)" in page and "not Celery" not in page


def test_without_consumers_the_configured_workers_are_named(person: Client, broker: Broker, now: datetime) -> None:
    Worker.objects.create(broker=broker, vhost="/", hostname="b@web-1", state="online", queues=[{"name": "mail"}], first_seen_at=now, changed_at=now)
    page = text_of(person, queue(broker, consumers=0), part="consumers")
    assert "No consumer" in page and "Workers configured for it, but not attached:" in page and "b@web-1" in page


def test_unknown_consumers_are_not_shown_as_none(person: Client, broker: Broker) -> None:
    assert "Unknown: Hareline’s user cannot see" in text_of(person, queue(broker, consumers=None), part="consumers")


def test_every_setting_is_explained(person: Client, broker: Broker) -> None:
    page = text_of(person, queue(broker, arguments={"x-max-length": 50_000}), part="settings")
    assert "50,000" in page and "How many ready messages the queue holds" in page
    assert "No arguments and no policy" in text_of(person, queue(broker, "plain"), part="settings")


def test_charts_begin_with_what_was_recorded_and_have_a_table(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP)
    memory = BrokerMemory()
    for seconds, ready in ((20, 3), (15, 5), (10, 7), (5, 11), (0, 13)):
        save_poll(broker.pk, a_poll(now - timedelta(seconds=seconds), a_queue("mail", ready=ready, unacknowledged=1, consumers=1)), now, memory)
    shown = Queue.objects.get(name="mail")
    page = text_of(person, shown, range="5m")
    assert page.count("data-chart=") == 4
    assert f'data-row="queue-{shown.pk}"' in page
    part = text_of(person, shown, range="5m", part="charts")
    assert part.count("data-chart=") == 4 and f'href="/queues/{shown.pk}/?range=1h"' in part
    assert '<td class="num">14</td>' in page and '<td class="num">8</td>' in page
    assert f'href="/queues/{shown.pk}/?range=90d"' in page and f'href="/queues/{shown.pk}/?range=5m" aria-current="true"' in page


def test_a_deleted_queue_keeps_its_page_and_links_to_its_successor(person: Client, broker: Broker, now: datetime) -> None:
    old = queue(broker, gone_at=now)
    page = text_of(person, old)
    assert "deleted " in page and "This queue no longer exists." in page and "open it" not in page
    successor = queue(broker)
    assert f'href="/queues/{successor.pk}/">open it</a>' in text_of(person, old)


def test_while_unknown_the_page_shows_why_and_its_age(person: Client, broker: Broker, now: datetime) -> None:
    shown = queue(broker)
    Broker.objects.filter(pk=broker.pk).update(state=Broker.UNREACHABLE, reason="connection refused at a:15672", polled_at=now - timedelta(minutes=4))
    page = text_of(person, shown)
    assert "Unknown, because prod is unreachable." in page and "connection refused at a:15672" in page
    assert f'id="queue-{shown.pk}" data-live data-level="unknown"' in page


@pytest.mark.parametrize("part", ["bindings", "consumers", "story", "settings", "notice"])
def test_each_part_can_be_requested_alone(person: Client, broker: Broker, part: str) -> None:
    shown = queue(broker)
    fragment = text_of(person, shown, part=part)
    assert "<html" not in fragment
    assert fragment.strip() in text_of(person, shown) or "term" in fragment
