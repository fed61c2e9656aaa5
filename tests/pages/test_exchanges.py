"""The exchanges page and one exchange's page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers import queries
from brokers.models import Binding, Broker, Exchange, Policy, Queue
from brokers.scope import EVERYTHING
from dashboard.layout.lists import PAGE_SIZE
from tests.postgres import on_sqlite

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


def exchange(broker: Broker, name: str = "shop.orders", kind: str = "topic", **facts: Any) -> Exchange:
    now = timezone.now()
    known: dict[str, Any] = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
    return Exchange.objects.create(broker=broker, vhost="/", name=name, type=kind, **{**known, **facts})


def bind(broker: Broker, source: str, destination: str, key: str = "", kind: str = "queue", **arguments: Any) -> Binding:
    return Binding.objects.create(
        broker=broker,
        vhost="/",
        source=source,
        destination=destination,
        destination_type=kind,
        routing_key=key,
        arguments=arguments,
        first_seen_at=timezone.now(),
    )


def text_of(person: Client, address: str, **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def shown_on(page: str, *exchanges: Exchange) -> list[str]:
    places = {page.find(f'id="exchange-{one.pk}"'): one.name for one in exchanges}
    return [name for place, name in sorted(places.items()) if place >= 0]


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/exchanges/").headers["Location"].startswith("/login/")
    assert client.get("/exchanges/1/").headers["Location"].startswith("/login/")


def test_the_busiest_exchange_comes_first_with_its_bindings_counted(person: Client, broker: Broker) -> None:
    calm, busy = exchange(broker, "calm", publish_in_per_second=0.2), exchange(broker, "busy", publish_in_per_second=24.0)
    bind(broker, "busy", "a")
    bind(broker, "busy", "b")
    page = text_of(person, "/exchanges/")
    assert shown_on(page, calm, busy) == ["busy", "calm"]
    assert '<td role="cell" class="num bound-cell">2</td>' in page
    assert f"exchanges/{broker.pk}/%2F" in page and f"topology/{broker.pk}/%2F" in page


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("type:topic", ["shop.orders"]),
        ("shop", ["shop.notify", "shop.orders"]),
        ("in>1", ["shop.orders"]),
        ("internal:yes", []),
        ("x:y", []),
    ],
)
def test_the_filter_chooses(person: Client, broker: Broker, text: str, names: list[str]) -> None:
    found = (exchange(broker, publish_in_per_second=2.0), exchange(broker, "shop.notify", "fanout"), exchange(broker, "", "direct"))
    assert shown_on(text_of(person, "/exchanges/", q=text, sort="name"), *found) == names


def test_a_filter_that_hides_everything_names_what_hides_most(person: Client, broker: Broker) -> None:
    exchange(broker)
    page = text_of(person, "/exchanges/", q="type:topic in>100")
    assert "Without <code>in&gt;100</code>, 1 exchange matches." in page


def test_an_unreachable_broker_has_unknown_exchanges(person: Client, now: datetime) -> None:
    Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    assert "Exchanges are unknown" in text_of(person, "/exchanges/")


def test_the_completion_knows_what_exists(person: Client, broker: Broker) -> None:
    assert 'data-text="type:topic" data-done' in text_of(person, "/exchanges/?part=completion&typed=type:to")


def test_an_exchange_that_never_was_is_not_found(person: Client) -> None:
    assert person.get("/exchanges/999/").status_code == 404


def test_bindings_lead_to_queues_and_exchanges(person: Client, broker: Broker, now: datetime) -> None:
    orders, notify = exchange(broker), exchange(broker, "shop.notify", "fanout")
    mail = Queue.objects.create(broker=broker, vhost="/", name="a/b", first_seen_at=now, changed_at=now)
    bind(broker, "shop.orders", "a/b", "order.#", note="x")
    bind(broker, "shop.orders", "shop.notify", "#", "exchange")
    page = text_of(person, f"/exchanges/{orders.pk}/")
    assert f'href="/queues/{mail.pk}/"' in page and "keys that begin with order" in page and "note: x" in page
    assert f'href="/exchanges/{notify.pk}/"' in page
    into = text_of(person, f"/exchanges/{notify.pk}/", part="bindings")
    assert "from other exchanges, 1" in into and f'href="/exchanges/{orders.pk}/"' in into


def test_a_column_of_arguments_is_there_only_where_a_binding_has_some(person: Client, broker: Broker) -> None:
    orders, heading = exchange(broker), '<th scope="col">Arguments</th>'
    bind(broker, "shop.orders", "a", "order.#")
    assert heading not in text_of(person, f"/exchanges/{orders.pk}/")
    bind(broker, "shop.orders", "b", "order.#", note="x")
    assert heading in text_of(person, f"/exchanges/{orders.pk}/")


def test_an_exchange_without_bindings_shows_where_its_messages_end(person: Client, broker: Broker) -> None:
    page = text_of(person, f"/exchanges/{exchange(broker).pk}/")
    assert "Nothing is bound to this exchange: every message published here is dropped." in page
    assert "Unmatched messages are dropped" in page


def test_the_alternate_is_the_arguments_before_the_policys(person: Client, broker: Broker) -> None:
    unrouted = exchange(broker, "unrouted", "fanout")
    Policy.objects.create(broker=broker, vhost="/", name="p", pattern=".*", apply_to="exchanges", priority=0, definition={"alternate-exchange": "unrouted"})
    by_policy = text_of(person, f"/exchanges/{exchange(broker, policy='p').pk}/", part="what")
    assert "set by policy p" in by_policy and f'href="/exchanges/{unrouted.pk}/"' in by_policy
    by_argument = text_of(person, f"/exchanges/{exchange(broker, 'other', policy='p', arguments={'alternate-exchange': 'nowhere'}).pk}/", part="what")
    assert "set by the exchange’s argument; it does not exist" in by_argument


def test_the_default_exchange_is_named_and_explained(person: Client, broker: Broker) -> None:
    page = text_of(person, f"/exchanges/{exchange(broker, '', 'direct').pk}/")
    assert "(default)" in page and "whose name is its routing key" in page and "cannot have an alternate" in page


def test_who_publishes_is_requested_then_shown(person: Client, broker: Broker, now: datetime) -> None:
    orders = exchange(broker)
    address = f"/exchanges/{orders.pk}/"
    assert "Loading…" in text_of(person, address, part="publishers")
    Exchange.objects.filter(pk=orders.pk).update(publishers_at=now)
    assert "management.rates_mode = detailed" in text_of(person, address, part="publishers")
    publishers = [{"connection": "c1", "host": "<web-1>", "user": "shop", "per_second": 21.6}]
    Exchange.objects.filter(pk=orders.pk).update(publishers=publishers, publishers_at=now)
    panel = text_of(person, address, part="publishers")
    assert "c1" in panel and "21.6" in panel
    Exchange.objects.filter(pk=orders.pk).update(publishers=[])
    assert "No publishers" in text_of(person, address, part="publishers")
    Broker.objects.update(state=Broker.UNREACHABLE, polled_at=now - timedelta(hours=1))
    Exchange.objects.filter(pk=orders.pk).update(publishers=None)
    assert "Unknown, because prod is unreachable" in text_of(person, address, part="publishers")


def test_an_exchange_that_is_gone_keeps_its_page(person: Client, broker: Broker, now: datetime) -> None:
    page = text_of(person, f"/exchanges/{exchange(broker, gone_at=now).pk}/")
    assert "This exchange no longer exists." in page


@pytest.fixture
def many(broker: Broker) -> Exchange:
    """An exchange with more bindings out than fit on a page, of which one has arguments."""
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "source": "shop.orders", "destination_type": "queue", "first_seen_at": timezone.now()}
    Binding.objects.bulk_create(Binding(**here, destination=f"q{number:03}", routing_key=f"order.{number}") for number in range(2 * PAGE_SIZE))
    Binding.objects.create(**here, destination="<last>", routing_key="50%", arguments={"team": "Blau"})
    return exchange(broker)


def test_bindings_come_a_page_at_a_time(person: Client, many: Exchange) -> None:
    address = f"/exchanges/{many.pk}/"
    first, last = text_of(person, address), text_of(person, address, page="9", range="6h")
    assert f"1–{PAGE_SIZE} of {2 * PAGE_SIZE + 1}." in first and "q000" in first and "q099" not in first
    assert f'href="{address}?page=2"' in first and 'rel="prev"' not in first
    assert f'href="{address}?range=6h&amp;page=2"' in last and "q099" in last and "q000" not in last


@pytest.mark.parametrize(("find", "found"), [("Q00", 10), ("order.7", 11), ("50%", 1), ("blau", 1), ("<LAST>", 1), ("_", 0)])
def test_bindings_are_searched_by_destination_key_and_arguments(person: Client, many: Exchange, find: str, found: int) -> None:
    panel = text_of(person, f"/exchanges/{many.pk}/", part="bindings", find=find, page="3")
    assert f"{found} of {2 * PAGE_SIZE + 1} match" in panel
    assert panel.count('<tr><th scope="row">') == found and "<last>" not in panel and "<LAST>" not in panel


def test_bindings_in_have_pages_of_their_own(person: Client, broker: Broker) -> None:
    sink = exchange(broker, "sink")
    for number in range(PAGE_SIZE + 1):
        bind(broker, f"source-{number:02}", "sink", kind="exchange")
    panel = text_of(person, f"/exchanges/{sink.pk}/", part="bindings", page_in="2")
    assert f"source-{PAGE_SIZE}" in panel and "source-00" not in panel and f'href="/exchanges/{sink.pk}/?page_in=1"' in panel


@on_sqlite
def test_ten_thousand_bindings_are_read_in_the_order_of_their_index(many: Exchange) -> None:
    with CaptureQueriesContext(connection) as queried:
        queries.binding_page(EVERYTHING, many.broker_id, "/", source="shop.orders", page=2, page_size=PAGE_SIZE)
    with connection.cursor() as cursor:
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall() for query in queried]
    assert all("live_binding_out" in str(plan) and "TEMP B-TREE FOR ORDER BY" not in str(plan) for plan in plans), plans
