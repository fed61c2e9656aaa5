"""The form "What reaches a queue" of the page Routing: a queue, a worker node or a task, and what ends or waits there."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from brokers.models import Binding, Broker, Exchange, Queue
from tests.pages import why
from tests.pages.why import page, read, text_of
from workers.models import Worker

pytestmark = pytest.mark.django_db

broker = why.broker


def reach_page(person: Client, status: int = 200, **fields: str) -> str:
    return page(person, status, of="reach", **fields)


def examples(source: str) -> list[dict[str, list[str]]]:
    """The questions of the links "Explain"."""
    links = [html.unescape(part.split('"')[0]) for part in source.split('<a href="')[1:] if ">Explain<" in part.split("</a>")[0]]
    return [parse_qs(urlsplit(link).query, keep_blank_values=True) for link in links]


def test_the_form_offers_queues_worker_nodes_and_tasks(person: Client, broker: Broker) -> None:
    source = reach_page(person)
    for name in ("orders.eu", "a@web-1", "shop.pay"):
        assert f'<option value="{name}">' in source
    assert 'id="answer"' not in source


def test_a_queue_is_reached_by_its_exchanges_each_with_an_example(person: Client, broker: Broker) -> None:
    source = reach_page(person, queue="orders.eu")
    words = text_of(source)
    assert "shop.orders reaches orders.eu, as does the default exchange by the name of the queue." in words
    assert "shop.orders with a routing key like order.*.eu Example: shop.orders order.any.eu Explain" in words
    assert "a@web-1" in words
    assert f'href="/exchanges/{Exchange.objects.get(name="shop.orders").pk}/"' in source


def test_each_example_leads_to_its_explanation_and_arrives_there(person: Client, broker: Broker) -> None:
    found = examples(reach_page(person, queue="vip")) + examples(reach_page(person, queue="orders.eu"))
    assert len(found) == 4
    for one in found:
        fields = {name: values[0] for name, values in one.items() if name not in ("broker", "vhost", "of")}
        assert f"It reaches {fields['expected']}" in read(person, **fields)


def test_a_path_over_another_exchange_is_shown_leg_by_leg(person: Client, broker: Broker) -> None:
    binding = Binding.objects.get(destination="orders.eu")
    Binding.objects.create(
        broker=broker,
        vhost="/",
        source="shop.headers",
        destination="shop.orders",
        destination_type="exchange",
        routing_key="",
        arguments={"x-match": "any", "region": "eu"},
        first_seen_at=binding.first_seen_at,
    )
    words = text_of(reach_page(person, queue="orders.eu"))
    assert 'shop.headers with header region = "eu" shop.orders with a routing key like order.*.eu' in words
    assert 'Example: shop.headers order.any.eu {"region": "eu"} Explain' in words


def test_dead_letters_lead_to_what_reaches_their_queue(person: Client, broker: Broker) -> None:
    Queue.objects.filter(name="vip").update(arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "reports", "x-message-ttl": 1000})
    source = reach_page(person, queue="reports")
    assert "vip when they expired, or a consumer rejected them; with the key “reports”" in text_of(source)
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;of=reach&amp;queue=vip" in source


def test_a_queue_without_consumers_warns_and_names_its_tasks(person: Client, broker: Broker) -> None:
    source = reach_page(person, queue="reports")
    assert "Nobody consumes it: messages wait there." in text_of(source)
    assert 'class="panel why-outcome" data-level="warning"' in source
    assert "of=task&amp;task=shop.report" in source


def test_a_worker_node_is_reached_by_all_its_queues(person: Client, broker: Broker) -> None:
    words = text_of(reach_page(person, worker="a@web-1"))
    assert "a@web-1 consumes celery, orders.eu and orders.us." in words
    assert "with a routing key like order.*.us" in words
    assert "shop.pay" in words


def test_a_task_shows_where_it_would_wait(person: Client, broker: Broker) -> None:
    source = reach_page(person, task="shop.report")
    words = text_of(source)
    assert "shop.report reaches reports. Nobody consumes reports." in words
    assert "Queues on its path without consumers" in words
    assert f'href="/queues/{Queue.objects.get(name="reports").pk}/"' in source


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"queue": "nope"}, "queue", 'there is no "nope" in this virtual host'),
        ({"worker": "x@y"}, "worker", "No worker node x@y is online there."),
        ({"queue": "vip", "task": "shop.pay"}, "task", "Enter only one"),
        ({"queue": " "}, "queue", "Enter only one"),
        ({"task": "t" * 1001}, "task", "at most 1000 characters"),
    ],
)
def test_a_mistake_stands_beside_its_field(person: Client, broker: Broker, fields: dict[str, str], field: str, words: str) -> None:
    source = reach_page(person, 422, **fields)
    assert words in html.unescape(source.split(f'id="{field}-says"')[1].split("</div>")[0])
    assert 'id="answer"' not in source


def test_a_worker_node_that_has_not_reported_its_queues_is_named(person: Client, broker: Broker) -> None:
    Worker.objects.update(queues=None)
    assert "has not reported its queues yet" in text_of(reach_page(person, 422, worker="a@web-1"))


def test_names_are_only_text(person: Client, broker: Broker) -> None:
    evil = "<script>alert(1)</script>"
    Queue.objects.filter(name="vip").update(name=evil)
    Binding.objects.filter(destination="vip").update(destination=evil, arguments={"<i>": evil, "x-match": "all"})
    source = reach_page(person, queue=evil)
    assert "<script>alert" not in source
    assert "<i>" not in source.split('id="reach-1"')[1].split("</section>")[0]
