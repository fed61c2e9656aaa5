"""The page Routing without a script: five typical questions answered as text, and how it handles bad input."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from brokers import store
from brokers.models import Broker, Exchange, Permission, Queue, VirtualHost
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost
from dashboard.why.celery_app import application
from tests.brokers.facts import a_poll, a_queue, a_topology
from tests.pages import why
from tests.pages.why import page, read, text_of
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db

broker = why.broker

APPLICATION = """
from celery import Celery

def by_region(name, args, kwargs, options, task=None, **_):
    return f"orders.{args[0]}" if args else None

app = Celery(broker="amqp://nowhere")
app.conf.task_routes = by_region

@app.task(name="shop.pay")
def pay(region): pass
"""


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


def test_why_a_task_went_to_celery_and_not_to_my_queue(person: Client, broker: Broker) -> None:
    words = read(person, of="task", task="shop.pay")
    assert "Where shop.pay goes is unknown; by Celery’s defaults it would go to queue celery." in words
    assert "Neither the call nor the task's class nor a route names a queue, so the default counts: task_default_queue gives queue 'celery'" in words
    assert "Not certain. The settings of the application that sends" in words
    routed = read(person, of="task", task="shop.pay", conf=json.dumps({"task_routes": {"shop.*": {"queue": "orders.eu"}}}))
    assert "shop.pay goes to queue orders.eu." in routed
    assert "Certain, based on the given settings." in routed


def test_the_settings_that_a_worker_reported_are_used_and_their_age_is_shown(person: Client, broker: Broker, now: datetime) -> None:
    routes = {"task_routes": {"shop.pay": {"queue": "orders.eu"}}, "CELERY_DEFAULT_QUEUE": "celery"}
    Worker.objects.update(configuration=routes, configuration_at=now - timedelta(seconds=12))
    words = read(person, of="task", task="shop.pay")
    assert "shop.pay goes to queue orders.eu." in words
    assert "Not certain. This is the worker’s configuration; the sender’s may differ." in words
    assert re.search(r"Based on the settings of worker a@web-1, reported 1[2-9] s ago", words)
    assert "CELERY_DEFAULT_QUEUE is another name of task_default_queue" in words
    assert f'href="/workers/{Worker.objects.get().pk}/"' in page(person, of="task", task="shop.pay")


def test_the_last_task_that_was_sent_is_the_proof_or_the_contradiction(person: Client, broker: Broker, now: datetime) -> None:
    Worker.objects.update(configuration={"task_default_queue": "orders.eu"}, configuration_at=now)
    seen: dict[str, Any] = {"broker": broker, "vhost": "/", "name": "shop.pay", "state": "SUCCESS", "first_seen_at": now, "changed_at": now, "sent_at": now}
    first = Task.objects.create(**seen, uuid="u-1", sent_queue="orders.eu", exchange="", routing_key="orders.eu")
    words = read(person, of="task", task="shop.pay")
    assert "Certain." in words
    assert "The last task actually sent went there too: u-1" in words
    assert f'href="/tasks/{first.pk}/"' in page(person, of="task", task="shop.pay")
    Task.objects.create(**seen, uuid="u-2", sent_queue="celery", exchange="", routing_key="celery")
    words = read(person, of="task", task="shop.pay")
    assert "Not certain. The sender used queue 'celery'" in words
    assert "shop.pay goes to queue celery, where the last one was sent." in words
    assert "The answer is that of the last task actually sent: u-2" in words


def test_a_moment_of_the_past_has_its_own_last_task_and_the_settings_of_now(person: Client, broker: Broker, now: datetime) -> None:
    Worker.objects.update(configuration={"task_default_queue": "orders.eu"}, configuration_at=now)
    for uuid, minutes in (("u-1", 60), ("u-2", 1)):
        sent = now - timedelta(minutes=minutes)
        where = {"broker": broker, "vhost": "/", "name": "shop.pay", "queue": "orders.eu", "exchange": "", "routing_key": "orders.eu"}
        Task.objects.create(**where, uuid=uuid, state="SUCCESS", first_seen_at=sent, changed_at=sent, sent_at=sent)
    known = loaded_vhost.known_task(EVERYTHING, broker, "/", "shop.pay", now - timedelta(minutes=30))
    assert known.sent is not None
    assert (known.sent.uuid, known.troubles) == ("u-1", [loaded_vhost.SETTINGS_OF_NOW])
    assert loaded_vhost.known_task(EVERYTHING, broker, "/", "shop.pay", now - timedelta(minutes=90)).sent is None
    assert loaded_vhost.known_task(EVERYTHING, broker, "elsewhere", "shop.pay").sent is None
    today = loaded_vhost.known_task(EVERYTHING, broker, "/", "shop.pay")
    assert today.sent is not None
    assert (today.sent.uuid, today.troubles) == ("u-2", [])


def test_the_named_application_is_used_first_and_its_error_is_reported(
    person: Client, broker: Broker, now: datetime, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ourshop.py").write_text(APPLICATION)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    Worker.objects.update(configuration={"task_default_queue": "orders.us"}, configuration_at=now)
    settings.CELERY_APP = "ourshop:app"
    try:
        words = read(person, of="task", task="shop.pay", args='["eu"]')
        assert "shop.pay goes to queue orders.eu." in words
        assert "Based on the application’s own settings, from ourshop:app." in words
        assert "The route 'ourshop.by_region' (task_routes, router 1) gives queue 'orders.eu'" in words
        settings.CELERY_APP = "ourshop:nothing"
        words = read(person, of="task", task="shop.pay")
        assert "shop.pay goes to queue orders.us." in words
        assert "Not certain. The application ourshop:nothing can’t be used: ourshop has no nothing." in words
    finally:
        for path in ("ourshop:app", "ourshop:nothing"):
            application(path).close()


def test_the_order_that_people_learn_stands_beside_what_celery_does(person: Client, broker: Broker) -> None:
    conf = json.dumps({"task_routes": {"shop.*": {"queue": "orders.eu"}}})
    words = read(person, of="task", task="shop.pay", queue="orders.us", conf=conf)
    assert "Celery’s actual precedence" in words
    assert "queue orders.eu from task_routes orders.us from the call" in words
    assert "Celery’s actual precedence" not in read(person, of="task", task="shop.pay", conf=conf)


def test_arguments_and_other_options_of_the_call_are_explained_too(person: Client, broker: Broker) -> None:
    source = page(person, of="task", task="shop.pay", args='["a"]', kwargs='{"b": 1}', options='{"countdown": 60, "queue": "vip"}', conf="{}")
    assert '<details class="why-more" open>' in source
    words = text_of(source)
    assert "shop.pay goes to queue vip." in words
    assert "countdown 60 from the delay" in words
    assert '<details class="why-more">' in page(person, of="task")


def test_why_my_routing_key_is_ignored(person: Client, broker: Broker) -> None:
    words = read(person, of="task", task="shop.pay", task_routing_key="order.new.eu", conf="{}")
    assert "shop.pay goes to queue celery." in words
    assert "The call gives routing_key 'order.new.eu', which is ignored: no exchange is named beside it, so Celery sends straight to the queue" in words


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


def test_why_a_task_waits_in_a_queue_without_consumers(person: Client, broker: Broker) -> None:
    words = read(person, of="task", task="shop.report", conf="{}")
    assert "shop.report goes to queue reports and waits: nobody consumes reports." in words
    assert "Nobody consumes it: the message waits for a consumer, such as a Celery worker started with -Q reports." in words
    message = read(person, exchange="", routing_key="reports")
    assert "It reaches reports, but nobody consumes reports: it waits there." in message


def test_a_queue_that_only_celery_would_make_is_reported(person: Client, broker: Broker) -> None:
    words = read(person, of="task", task="shop.pay", queue="new", conf="{}")
    assert "shop.pay goes to queue new and waits: nobody consumes new." in words
    assert "new does not exist in the broker yet: Celery declares it when sending" in words


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


def test_a_task_can_be_sent_from_its_answer(person: Client, broker: Broker) -> None:
    source = page(person, of="task", task="shop.pay", queue="orders.eu", args="[1]", options='{"countdown": 5, "headers": {"a": 1}}')
    address = html.unescape(source.split('aria-labelledby="send-title"')[1].split('href="')[1].split('"')[0])
    assert address == "/send/?broker=prod&vhost=%2F&task=shop.pay&args=%5B1%5D&countdown=5&queue=orders.eu"
    form = person.get(address).content.decode()
    assert 'value="shop.pay"' in form
    assert 'value="orders.eu"' in form


def test_what_celery_refuses_is_marked_in_the_list(person: Client, broker: Broker) -> None:
    source = page(person, of="task", task="shop.pay", queue="nowhere", conf='{"task_create_missing_queues": false}')
    assert "QueueNotFound" in source
    assert '<li data-level="critical"><span class="story-mark">' in source


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
