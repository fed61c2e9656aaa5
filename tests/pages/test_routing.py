"""The page Routing without a script, for messages: typical questions answered as text, and how it handles bad input."""

from __future__ import annotations

import html
from datetime import datetime, timedelta

import pytest
from django.test import Client

from brokers import store
from brokers.models import Broker, Exchange, Permission, Queue, VirtualHost
from tests.brokers.facts import a_poll, a_queue, a_topology
from tests.pages import why
from tests.pages.why import page, read, text_of
from workers.models import Worker

pytestmark = pytest.mark.django_db

broker = why.broker


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/routing/").headers["Location"].startswith("/login/")


def test_the_form_offers_what_exists_and_explains_nothing_yet(person: Client, broker: Broker) -> None:
    source = page(person)
    assert '<option value="shop.orders">' in source
    assert '<option value="orders.eu">' in source
    assert 'aria-current="page" title="Why a message goes where it goes"' in source
    assert 'id="answer"' not in source
    assert '<option value="shop.pay">' in page(person, of="task")


def test_the_order_key_names_the_third_word_as_a_near_miss(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.orders", routing_key="order.new.us", expected="orders.eu")
    words = text_of(source)
    assert "It does not reach orders.eu: third word is us, wanted eu" in words
    assert "near miss: third word is us, wanted eu" in words
    assert '<span data-mark="misses">eu</span>' in source
    assert '<span data-mark="fits">order</span>' in source
    assert "1 more does not match: " in words


def test_a_user_who_may_not_write_there_sees_why(person: Client, broker: Broker) -> None:
    question = {"exchange": "shop.orders", "routing_key": "order.new.eu", "user": "bob"}
    assert "Whether bob may write there is unknown: needs administrator" in read(person, **question)
    Broker.objects.update(permissions_known=True)
    Permission.objects.create(broker=broker, vhost="/", user="bob", write="^other$")
    source = page(person, **question)
    assert '<option value="bob">' in source
    assert "bob may not write to exchange shop.orders: the write permission ^other$ does not cover the name." in text_of(source)


@pytest.mark.parametrize(
    ("kind", "value", "reached"),
    [("signedint", "1", True), ("long", "1", True), ("longstr", "1", False), ("bool", "true", False), ("double", "1", True), ("decimal", "1.5", False)],
)
def test_a_header_is_written_with_its_amqp_type(person: Client, broker: Broker, kind: str, value: str, reached: bool) -> None:
    row = {"header_1": "level", "header_1_type": kind, "header_1_value": value}
    words = read(person, exchange="shop.headers", routing_key="", headers='{"other": "x"}', **row)
    assert ("It reaches queue vip" in words) is reached, words


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"header_1": "v", "header_1_type": "long", "header_1_value": "many"}, "v: many is no long"),
        ({"header_1": "v", "header_1_type": "byte", "header_1_value": "999"}, "headers_amqp.v"),
        ({"header_1": "", "header_1_value": "x"}, "A header with the value x needs a name."),
        ({"header_1": "other", "header_1_value": "x", "headers": '{"other": 1}'}, "other is there twice."),
    ],
)
def test_a_header_that_does_not_fit_its_type_is_an_error_beside_the_headers(person: Client, broker: Broker, row: dict[str, str], problem: str) -> None:
    words = text_of(page(person, 422, exchange="shop.headers", routing_key="", **row))
    assert problem in words


def test_a_user_id_without_a_publisher_is_not_certain(person: Client, broker: Broker) -> None:
    words = read(person, exchange="", routing_key="celery", user_id="shop")
    assert 'Whether the broker accepts the property user_id "shop" is unknown' in words
    assert "Not certain" in words


def test_why_a_message_was_published_but_not_routed(person: Client, broker: Broker) -> None:
    words = read(person, exchange="shop.orders", routing_key="Order.new.de")
    assert "No queue receives it from exchange shop.orders with Order.new.de: no binding matches and the exchange has no alternate." in words
    assert "Delivered to no queue" in words
    assert "The broker drops it without an error." in words
    assert "With the mandatory flag it is returned to its publisher" in words


def test_why_a_headers_binding_never_matches(person: Client, broker: Broker) -> None:
    words = read(person, exchange="shop.headers", routing_key="", headers='{"level": "1"}')
    assert 'near miss: header level is "1" (text), wanted 1 (integer): RabbitMQ never converts between types' in words
    assert "It reaches queue vip" in read(person, exchange="shop.headers", routing_key="", headers='{"level": 1}')


def test_who_takes_it_is_linked_to_its_worker_node(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.orders", routing_key="order.new.eu")
    worker = Worker.objects.get()
    assert f'<a href="/workers/{worker.pk}/"><bdi>a@web-1</bdi></a>' in source
    assert f'href="/queues/{Queue.objects.get(name="orders.eu").pk}/"' in source


def test_an_unavailable_broker_is_shown(person: Client, broker: Broker) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE)
    words = read(person, exchange="shop.orders", routing_key="order.new.eu")
    assert "prod is unreachable" in words
    assert "Not certain" in words
    assert "Its consumers are unknown." in words


def test_a_missing_exchange_is_a_refusal_with_a_reason(person: Client, broker: Broker) -> None:
    assert 'There is no exchange "nope" in this virtual host' in read(person, exchange="nope", routing_key="a")


@pytest.mark.parametrize(
    ("question", "field", "words"),
    [
        ({"headers": "{'a': 1}"}, "headers", "Line 1, column 2: single quotes are Python"),
        ({"headers": "[]"}, "headers", "This is a list; wanted is an object"),
        ({"headers": '{"a": 100000000000000000000}'}, "headers", "headers.a"),
        ({"routing_key": "k" * 256}, "routing_key", "longer than 255 bytes"),
        ({"of": "task", "task": "a", "conf": "{"}, "conf", "Line 1, column 2"),
        ({"of": "task", "task": "a", "args": "{}"}, "args", "wanted is a list"),
        ({"of": "task", "task": "a", "kwargs": "[]"}, "kwargs", "wanted is an object"),
        ({"of": "task", "task": "a", "options": '{"priority": "high"}'}, "options", "options.priority must be a number"),
        ({"of": "task", "task": "a", "queue": "q", "options": '{"queue": "p"}'}, "options", "queue is also filled in its own field"),
        ({"of": "task", "task": "a", "conf": '{"task_queues": 5}'}, "conf", "task_queues"),
    ],
)
def test_a_mistake_stands_beside_its_field(person: Client, broker: Broker, question: dict[str, str], field: str, words: str) -> None:
    source = page(person, 422, **{"exchange": "shop.headers", "routing_key": "", **question})
    assert words in html.unescape(source.split(f'id="{field}-says"')[1].split("</div>")[0])
    assert 'id="answer"' not in source


def test_an_unknown_virtual_host_and_html_are_only_text(person: Client, broker: Broker) -> None:
    assert "No virtual host nowhere is known." in read(person, vhost="nowhere")
    source = page(person, exchange="<script>alert(1)</script>", routing_key="<b>")
    assert "<script>alert(1)" not in source
    assert "<b>" not in source.split('id="routing_key"')[1].split(">")[0]


def test_an_exchange_page_links_here(person: Client, broker: Broker) -> None:
    exchange = Exchange.objects.get(name="shop.orders")
    source = person.get(f"/exchanges/{exchange.pk}/").content.decode()
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;exchange=shop.orders" in source


def test_without_any_broker_it_explains_how_to_name_one(person: Client) -> None:
    assert "HARELINE_BROKERS" in person.get("/routing/").content.decode()


def test_the_path_is_drawn_and_described_for_screen_readers(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.orders", routing_key="order.new.us", expected="orders.eu")
    drawing = source.split('<svg class="way"')[1].split("</svg>")[0]
    assert 'aria-label="Drawing: from your message by shop.orders to orders.us. Near misses: orders.eu."' in drawing
    assert '<g class="way-box" data-look="missed"' in drawing
    assert "not reached" in drawing
    assert "style=" not in drawing
    assert "from your task by (default) to celery." in page(person, of="task", task="shop.pay")


def test_the_answer_can_be_copied_as_text(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.orders", routing_key="order.new.us", expected="orders.eu")
    text = html.unescape(source.split('<pre id="as-text" hidden>')[1].split("</pre>")[0])
    assert text.startswith("It does not reach `orders.eu`: third word is `us`, wanted `eu`.")
    assert "  ~ order.*.eu -> queue orders.eu" in text
    task = page(person, of="task", task="shop.pay").split('<pre id="as-text" hidden>')[1]
    assert "Celery: queue celery from a default." in html.unescape(task)


def test_the_question_stands_in_one_line_for_phones_with_a_path_to_change_it(person: Client, broker: Broker) -> None:
    source = page(person, exchange="shop.orders", routing_key="order.new.us")
    assert 'A message to shop.orders, with the key <code>order.new.us</code></span> <a class="button" href="#question">Change</a>' in source
    assert 'why-ask-folds" id="question"' in source
    assert "why-ask-folds" not in page(person)


@pytest.mark.parametrize(
    ("at", "problem"), [("soon", "at is not a moment: write -2h"), ("2999-01-01", "at is in the future"), ("-40d", "Nothing is recorded of ")]
)
def test_a_moment_that_is_not_recorded_is_reported_at_its_field(person: Client, broker: Broker, at: str, problem: str) -> None:
    source = page(person, 422, exchange="shop.orders", routing_key="order.new.us", at=at)
    assert problem in html.unescape(source.split('id="at-says"')[1].split("</div>")[0])
    assert 'id="answer"' not in source
    assert '<option value="shop.orders">' in source


def test_now_is_a_moment_too(person: Client, broker: Broker) -> None:
    assert "Certain (bindings read at " in read(person, exchange="shop.orders", routing_key="order.new.us", at="now")


def test_the_bindings_of_a_past_moment_are_shown(person: Client, broker: Broker, now: datetime) -> None:
    def at(moment: datetime, *bound: tuple[str, str, str]) -> None:
        store.save_poll(broker.pk, a_poll(moment, a_queue("mail")), moment)
        store.save_topology(broker.pk, {"/": a_topology(*bound)}, None, None, None, moment)

    VirtualHost.objects.update(first_seen_at=now - timedelta(hours=1))
    at(now - timedelta(minutes=3), ("orders", "a.*", "mail"))
    at(now - timedelta(seconds=30), ("orders", "b.*", "mail"))
    question = f"{now - timedelta(minutes=3):%Y-%m-%dT%H:%M:%S.%f}"
    then = page(person, exchange="orders", routing_key="a.b", at=question)
    assert "It reaches queue mail" in text_of(then)
    assert "Certain (bindings as of " in text_of(then)
    assert ", as it was at " in then
    assert f"at={question.replace(':', '%3A')}" in then.split("Show all bindings")[0].rsplit('href="', 1)[1]
    assert "No queue receives it" in read(person, exchange="orders", routing_key="a.b")
