"""The form "Paste, or look up a task id" without a script: a task by its id, a pasted message, a queue to look into; prediction beside fact."""

from __future__ import annotations

import html
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Binding, Broker, Connection, Consumer, Exchange, Queue, VirtualHost
from brokers.store import save_poll, save_topology
from brokers.store.memory import BrokerMemory
from brokers.topology import QueueDefinition
from dashboard.models import User
from tests.brokers.facts import a_poll, a_queue, a_topology
from tests.pages.why import text_of
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db
MESSAGE: dict[str, Any] = {"exchange": "shop.orders", "routing_key": "order.new.eu", "properties": [], "payload": "x", "payload_encoding": "string"}
DIED = {"queue": "orders.us", "reason": "rejected", "count": 2, "exchange": "shop.orders", "routing-keys": ["order.new.us"], "time": 1795452121}


@pytest.fixture
def broker(now: datetime) -> Broker:
    """A topic exchange with a queue a region, each with its own worker node."""
    found = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    for vhost in ("/", "other"):
        VirtualHost.objects.create(broker=found, name=vhost, first_seen_at=now)
        EventSource.objects.create(broker=found, vhost=vhost, state=EventSource.RECEIVING)
    seen: dict[str, Any] = {"broker": found, "vhost": "/", "first_seen_at": now, "changed_at": now}
    Exchange.objects.create(**seen, name="", type="direct", durable=True, auto_delete=False, internal=False)
    Exchange.objects.create(**seen, name="shop.orders", type="topic", durable=True, auto_delete=False, internal=False)
    for region, port in (("eu", 1), ("us", 2)):
        name, connection = f"orders.{region}", f"c{port}"
        Queue.objects.create(**seen, name=name, type="classic", consumers=1, depth=0, ready=0, durable=True, exclusive=False, auto_delete=False)
        Binding.objects.create(
            broker=found, vhost="/", source="shop.orders", destination=name, destination_type="queue", routing_key=f"order.*.{region}", first_seen_at=now
        )
        Worker.objects.create(
            **seen, hostname=f"{region}@web-1", state=Worker.ONLINE, queues=[{"name": name}], registered=[{"name": "shop.pay", "attributes": {}}]
        )
        Connection.objects.create(broker=found, vhost="/", name=connection, user="guest", peer_host="10.0.0.1")
        Consumer.objects.create(
            broker=found, vhost="/", queue=name, tag="t1", connection_name=connection, channel_name=f"{connection} (1)", peer_host="10.0.0.1"
        )
    return found


def a_task(broker: Broker, vhost: str = "/", **fields: Any) -> Task:
    now = timezone.now()
    usual: dict[str, Any] = {"uuid": "u-1", "name": "shop.pay", "state": "SUCCESS", "worker": "eu@web-1", "first_seen_at": now, "changed_at": now}
    sent = {"sent_at": now, "sent_queue": "orders.eu", "exchange": "shop.orders", "routing_key": "order.new.eu"}
    return Task.objects.create(broker=broker, vhost=vhost, **(usual | sent | fields))


def read(person: Client, status: int = 200, **fields: str) -> str:
    answer = person.get("/routing/", {"broker": "prod", "vhost": "/", "of": "existing", **fields})
    assert answer.status_code == status
    return text_of(answer.content.decode())


def paste(person: Client, value: Any, status: int = 200, **beside: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    answer = person.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": text, **beside})
    assert answer.status_code == status
    return text_of(answer.content.decode())


def test_the_path_is_offered_with_its_three_forms(person: Client, broker: Broker) -> None:
    source = person.get("/routing/?broker=prod&vhost=%2F&of=existing").content.decode()
    assert "Paste, or look up a task id</a>" in source
    assert 'id="uuid"' in source and 'id="pasted"' in source and 'id="look_in"' in source
    assert 'id="answer"' not in source


def test_a_task_by_its_id_is_explained_beside_what_really_happened(person: Client, broker: Broker) -> None:
    task = a_task(broker)
    source = person.get("/routing/", {"broker": "prod", "vhost": "/", "of": "existing", "uuid": "u-1"}).content.decode()
    words = text_of(source)
    assert f'<a href="/tasks/{task.pk}/"><bdi>shop.pay</bdi></a>' in source
    assert "Intended queue orders.eu orders.eu as predicted" in words
    assert "Received by eu@web-1 eu@web-1 as predicted" in words
    assert "Published to shop.orders" in words


def test_a_task_that_another_worker_took_is_not_as_predicted(person: Client, broker: Broker) -> None:
    a_task(broker, worker="us@web-1")
    words = read(person, uuid="u-1")
    assert "Received by eu@web-1 us@web-1 not as predicted" in words
    assert "It consumes orders.us: its queues or the bindings have changed since, or the task was moved." in words


def test_a_task_that_nobody_has_taken_yet(person: Client, broker: Broker) -> None:
    a_task(broker, worker=None, state="PENDING")
    assert "Received by eu@web-1 no worker yet unknown No event shows that a worker received it." in read(person, uuid="u-1")


def test_bindings_of_the_time_of_sending_count(person: Client, now: datetime) -> None:
    """Between the sending and now the binding was moved from one queue to another."""
    found, memory = Broker.objects.create(name="prod", state=Broker.UP, version="3.10.8"), BrokerMemory()
    for minutes, destination in ((60, "orders.us"), (1, "orders.eu")):
        at = now - timedelta(minutes=minutes)
        save_poll(found.pk, a_poll(at, a_queue("orders.us"), a_queue("orders.eu")), at, memory)
        queues = (QueueDefinition("orders.us"), QueueDefinition("orders.eu"))
        topology = a_topology(("shop.orders", "order.#", destination), queues=queues)
        save_topology(found.pk, {"/": topology}, None, None, None, at, memory)
    a_task(found, sent_at=now - timedelta(minutes=60), sent_queue="orders.us", worker=None)
    words = read(person, uuid="u-1")
    assert "the bindings routed it to orders.us. The current bindings route it to orders.eu." in words
    assert "Intended queue orders.us orders.us as predicted" in words


def test_without_an_event_of_its_sender_celerys_layers_are_shown(person: Client, broker: Broker) -> None:
    a_task(broker, sent_at=None, sent_queue=None, exchange=None, routing_key=None)
    words = read(person, uuid="u-1")
    assert "How it was sent is unknown: there is no task-sent event" in words
    assert "shop.pay" in words and "task_default_queue" in words


def test_a_task_that_nothing_shows_of(person: Client, broker: Broker) -> None:
    assert "No event of task u-9 is known." in read(person, uuid="u-9")
    a_task(broker, name=None, exchange=None, routing_key=None)
    assert "Neither its name nor how it was sent is known" in read(person, uuid="u-1")


def test_a_task_of_another_virtual_host_leads_there(person: Client, broker: Broker) -> None:
    a_task(broker, "other")
    source = person.get("/routing/", {"broker": "prod", "vhost": "/", "of": "existing", "uuid": "u-1"}).content.decode()
    assert "Seen elsewhere" in source
    assert "/routing/?broker=prod&amp;vhost=other&amp;of=existing&amp;uuid=u-1" in source


def test_a_pasted_message_is_recognised_and_explained(person: Client, broker: Broker) -> None:
    words = paste(person, [MESSAGE], queue="orders.eu")
    assert "Recognized as A message in a queue." in words
    assert "Current queue orders.eu orders.eu as predicted" in words
    assert "It reaches orders.eu" in words


def test_a_message_in_a_queue_to_which_no_binding_leads(person: Client, broker: Broker) -> None:
    words = paste(person, MESSAGE, queue="orders.us")
    assert "Current queue orders.eu orders.us not as predicted A binding has changed since" in words


def test_a_message_from_peek_has_its_queue_itself(person: Client, broker: Broker) -> None:
    assert "Current queue orders.eu orders.eu as predicted" in paste(person, MESSAGE | {"queue": "orders.eu"})


def test_a_dead_letter_shows_its_dead_lettering_and_leads_to_its_first_publishing(person: Client, broker: Broker) -> None:
    died = MESSAGE | {"exchange": "", "routing_key": "orders.eu", "properties": {"headers": {"x-death": [DIED]}}}
    answer = person.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": json.dumps(died)}).content.decode()
    assert "Dead-lettered 2 times from orders.us: a consumer rejected it." in text_of(answer)
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;of=message&amp;exchange=shop.orders&amp;routing_key=order.new.us" in answer


def test_a_dead_letter_of_a_task_is_compared_by_what_its_sender_sent(person: Client, broker: Broker) -> None:
    """The dead letter is in another queue than the task's intended queue, as it should be."""
    a_task(broker, sent_queue="orders.us", routing_key="order.new.us", worker="us@web-1", state="REJECTED")
    headers = {"task": "shop.pay", "id": "u-1", "lang": "py", "x-death": [DIED]}
    died = MESSAGE | {"exchange": "", "routing_key": "orders.eu", "properties": {"headers": headers}, "queue": "orders.eu"}
    words = paste(person, died)
    assert "Current queue orders.eu orders.eu as predicted" in words
    assert "Intended queue orders.us orders.us as predicted" in words
    assert "Received by us@web-1 us@web-1 as predicted" in words
    Task.objects.update(exchange=None, routing_key=None)
    assert "Received by" not in paste(person, died)


def test_a_pasted_trace_is_compared_with_the_queues_it_names(person: Client, broker: Broker) -> None:
    trace = {"exchange": "shop.orders", "routing_keys": ["order.new.eu"], "routed_queues": ["orders.eu"], "properties": {}}
    assert "Routed to orders.eu orders.eu as predicted" in paste(person, trace)


def test_a_pasted_event_is_compared_with_the_queue_that_its_sender_meant(person: Client, broker: Broker) -> None:
    event = {"type": "task-sent", "uuid": "u-7", "name": "shop.pay", "queue": "orders.eu", "exchange": "shop.orders", "routing_key": "order.new.eu"}
    words = paste(person, event)
    assert "Intended queue orders.eu orders.eu as predicted" in words
    assert "Current queue orders.eu" not in words


def test_a_celery_message_leads_to_its_task(person: Client, broker: Broker) -> None:
    task = a_task(broker)
    celery = MESSAGE | {
        "properties": {"headers": {"task": "shop.pay", "id": "u-1", "lang": "py"}, "content_type": "application/json"},
        "payload": "[[], {}, {}]",
    }
    answer = person.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": json.dumps(celery)}).content.decode()
    assert f'<a href="/tasks/{task.pk}/">' in answer
    assert "Received by eu@web-1 eu@web-1 as predicted" in text_of(answer)


def test_what_shows_only_its_task_is_answered_by_celerys_layers_or_by_its_events(person: Client, broker: Broker) -> None:
    headers = {"task": "shop.pay", "id": "u-1", "lang": "py", "root_id": "u-1"}
    assert "Below is where Celery would send a task of this name." in paste(person, headers)
    a_task(broker)
    assert "Intended queue orders.eu orders.eu as predicted" in paste(person, headers)


def test_a_question_about_a_task_is_answered_by_its_own_settings(person: Client, broker: Broker) -> None:
    words = paste(person, {"task": "shop.pay", "conf": {"task_routes": {"shop.*": {"queue": "orders.eu"}}}, "options": {}})
    assert "shop.pay goes to queue orders.eu." in words
    assert "task_queues" in paste(person, {"task": "shop.pay", "conf": {"task_queues": 5}}, 422)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"exchange": "a",\n "routing_key": b}', "Line 2, column 17: b is not a JSON value."),
        ('{"colour": "red"}', "The format of this JSON is not known. Supported formats: a message as the management API"),
        (json.dumps(MESSAGE | {"properties": {"headers": {"a": 10**30}}}), "headers.a"),
        (json.dumps(MESSAGE | {"properties": {"priority": "high"}}), "properties.priority must be a whole number"),
        (json.dumps(MESSAGE | {"routing_key": "k" * 256}), "longer than 255 bytes"),
        ('"' + "x" * 1_100_000 + '"', "at most 1,000,000 are read."),
    ],
)
def test_what_is_not_understood_stands_beside_the_field(person: Client, broker: Broker, text: str, words: str) -> None:
    answer = person.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": text})
    assert answer.status_code == 422
    assert words in html.unescape(answer.content.decode().split('id="pasted-says"')[1].split("</div>")[0])
    assert b'id="answer"' not in answer.content


def test_ten_megabytes_are_refused_with_a_reason(person: Client, broker: Broker) -> None:
    words = paste(person, "x" * 10_000_000, 413)
    assert "The form came with 10.0 MB; at most 2.62 MB are read. Paste the message without its body" in words


def test_a_pasted_message_needs_the_forms_token(person: Client, broker: Broker) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ada"))
    assert client.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": "{}"}).status_code == 403


def test_html_in_what_is_pasted_is_only_text(person: Client, broker: Broker) -> None:
    evil = "<script>alert(1)</script>"
    message = MESSAGE | {"exchange": evil, "properties": {"headers": {"task": evil, "id": evil, "x-death": [{"queue": evil, "reason": evil}]}}}
    answer = person.post("/routing/?broker=prod&vhost=%2F&of=existing", {"pasted": json.dumps(message), "queue": evil})
    assert b"<script>alert" not in answer.content


def test_a_queue_to_look_into_leads_to_the_question_before_it(person: Client, broker: Broker) -> None:
    queue = Queue.objects.get(name="orders.eu")
    source = person.get("/routing/?broker=prod&vhost=%2F&of=existing&look_in=orders.eu").content.decode()
    assert f'href="/queues/{queue.pk}/messages/"' in source
    assert "There is no queue nope here" in read(person, look_in="nope")


def test_a_task_page_leads_here(person: Client, broker: Broker) -> None:
    source = person.get(f"/tasks/{a_task(broker).pk}/").content.decode()
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;of=existing&amp;uuid=u-1" in source
