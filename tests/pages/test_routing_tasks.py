"""The page Routing without a script, for tasks: by which configuration one goes where, checked against the last that was sent."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost
from dashboard.why.celery_app import application
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


def test_a_moment_of_the_past_has_its_own_last_task_and_no_settings_where_none_are_recorded(person: Client, broker: Broker, now: datetime) -> None:
    Worker.objects.update(configuration={"task_default_queue": "orders.eu"}, configuration_at=now)
    for uuid, minutes in (("u-1", 60), ("u-2", 1)):
        sent = now - timedelta(minutes=minutes)
        where = {"broker": broker, "vhost": "/", "name": "shop.pay", "queue": "orders.eu", "exchange": "", "routing_key": "orders.eu"}
        Task.objects.create(**where, uuid=uuid, state="SUCCESS", first_seen_at=sent, changed_at=sent, sent_at=sent)
    known = loaded_vhost.known_task(EVERYTHING, broker, "/", "shop.pay", now - timedelta(minutes=30))
    assert known.sent is not None
    assert (known.sent.uuid, known.troubles) == ("u-1", [loaded_vhost.NO_SETTINGS_THEN])
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
