"""The page that peeks at messages of a queue, without a script: it confirms first, names what it changes, shows, and requeues."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Queue
from dashboard import store
from dashboard.models import AuditEvent, User
from dashboard.store import rights
from dashboard.why import message_formats
from tests.conftest import TestNode
from tests.people import person
from tests.waiting import wait_until
from workers.models import EventSource, Task, TaskCanvas

pytestmark = pytest.mark.django_db
AUDIT_ACTION = "peek at messages"


@pytest.fixture
def broker(now: datetime, settings: LazySettings) -> Broker:
    """A broker that nobody listens for: port 1 refuses."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


def queue(broker: Broker, vhost: str = "/", name: str = "mail", **facts: Any) -> Queue:
    known: dict[str, Any] = {
        "type": "classic",
        "durable": True,
        "exclusive": False,
        "consumers": 2,
        "first_seen_at": timezone.now(),
        "changed_at": timezone.now(),
    }
    return Queue.objects.create(broker=broker, vhost=vhost, name=name, **(known | facts))


def text_of(source: str) -> str:
    main = source.split('id="content"')[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_the_page_of_a_queue_offers_it_to_who_may(client: Client, broker: Broker) -> None:
    mail = queue(broker)
    for name, place, offered in (("ada", {"queue": "m*"}, True), ("eve", {"queue": "reports"}, False)):
        somebody = person(name)
        rights.grant(somebody, "operator", timezone.now(), **place)
        client.force_login(somebody)
        assert ("Peek at messages" in client.get(f"/queues/{mail.pk}/").content.decode()) == offered


def test_a_stranger_is_sent_to_the_login(client: Client, broker: Broker) -> None:
    address = f"/queues/{queue(broker).pk}/messages/"
    assert client.get(address).headers["Location"].startswith("/login/")
    assert client.post(address).headers["Location"].startswith("/login/")


def test_the_confirmation_lists_what_peeking_changes_and_changes_nothing(person: Client, broker: Broker) -> None:
    address = f"/queues/{queue(broker).pk}/messages/"
    answer = person.get(address)
    words = text_of(answer.content.decode())
    assert "Peek at the first messages?" in words
    assert "flagged as redelivered" in words
    assert "its 2 consumers may receive the messages behind them first" in words
    assert "Recorded in the audit log as ada." in words
    assert "no-store" in answer.headers["Cache-Control"]
    assert not AuditEvent.objects.filter(action=AUDIT_ACTION).exists()


def test_the_form_needs_its_token(broker: Broker, person: Client) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ada"))
    assert client.post(f"/queues/{queue(broker).pk}/messages/").status_code == 403


def test_an_attempt_without_permission_is_denied_and_audited(client: Client, broker: Broker) -> None:
    client.force_login(person("eve"))
    address = f"/queues/{queue(broker).pk}/messages/"
    assert "which your role does not allow" in text_of(client.get(address).content.decode())
    answer = client.post(address, {"count": "1"})
    assert answer.status_code == 403
    assert b'method="post" action="/queues/' not in answer.content
    assert AuditEvent.objects.get(action=AUDIT_ACTION).outcome == store.REFUSED


def test_who_sees_a_part_of_the_broker_sees_why_it_failed_without_its_address(client: Client, broker: Broker) -> None:
    client.force_login(person("otto", "operator", vhost="/"))
    answer = client.post(f"/queues/{queue(broker).pk}/messages/", {"count": "1"})
    words = text_of(answer.content.decode())
    assert answer.status_code == 503 and "Peeking failed: no AMQP connection to the broker" in words and "127.0.0.1:" not in words
    assert "127.0.0.1:" in AuditEvent.objects.get(action=AUDIT_ACTION).detail["reason"]


def test_a_switched_off_broker_names_the_setting_that_allows_it(person: Client, broker: Broker, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    assert "HARELINE_CONTROL=prod" in text_of(person.get(f"/queues/{queue(broker).pk}/messages/").content.decode())


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"type": "stream"}, "mail is a stream."), ({"exclusive": True}, "mail is exclusive"), ({"gone_at": timezone.now()}, "mail has been deleted.")],
)
def test_the_page_explains_why_a_queue_cannot_be_peeked_at(person: Client, broker: Broker, facts: dict[str, Any], words: str) -> None:
    address = f"/queues/{queue(broker, **facts).pk}/messages/"
    assert words in text_of(person.get(address).content.decode())
    assert person.post(address).status_code == 422


def test_an_unknown_id_is_404(person: Client) -> None:
    assert person.get("/queues/4711/messages/").status_code == 404


def test_an_unreachable_broker_is_reported(person: Client, broker: Broker) -> None:
    answer = person.post(f"/queues/{queue(broker).pk}/messages/", {"count": "2"})
    assert answer.status_code == 503
    assert "Peeking failed: no AMQP connection to 127.0.0.1:1" in text_of(answer.content.decode())


@pytest.fixture
def jobs(broker: Broker, rabbitmq: TestNode, vhost: str, settings: LazySettings) -> Queue:
    """A real queue."""
    settings.BROKERS = (rabbitmq.address("prod"),)
    broker.listeners = [{"node": "", "protocol": "amqp", "port": rabbitmq.ports["amqp"]}]
    broker.save()
    rabbitmq.api("PUT", f"queues/{vhost}/jobs", {"durable": True})
    return queue(broker, vhost, "jobs", consumers=0)


def publish(node: TestNode, vhost: str, payload: str, encoding: str = "string", **properties: Any) -> None:
    message = {"routing_key": "jobs", "payload": payload, "payload_encoding": encoding, "properties": properties}
    node.api("POST", f"exchanges/{vhost}/amq.default/publish", message)


def test_messages_are_shown_decoded_and_lead_to_why(person: Client, jobs: Queue, rabbitmq: TestNode, vhost: str, now: datetime) -> None:
    EventSource.objects.create(broker=jobs.broker, vhost=vhost, state=EventSource.RECEIVING)
    task = Task.objects.create(broker=jobs.broker, vhost=vhost, uuid="u-1", name="shop.pay", state="PENDING", first_seen_at=now, changed_at=now)
    headers = {"task": "shop.pay", "id": "u-1", "lang": "py", "argsrepr": "(1,)", "group": "g-1"}
    publish(rabbitmq, vhost, '[["<script>alert(1)</script>"], {"k": 1}, {}]', headers=headers, content_type="application/json")
    publish(rabbitmq, vhost, "/wA=", "base64")
    publish(rabbitmq, vhost, "third")
    answer = person.post(f"/queues/{jobs.pk}/messages/", {"count": "2"})
    source = answer.content.decode()
    words = text_of(source)
    assert answer.status_code == 200
    assert "The first 2 messages at" in words and "1 more ready message" in words
    assert '["<script>alert(1)</script>"] {"k": 1}' in words
    assert "<script>alert(1)" not in source
    assert f'<a href="/tasks/{task.pk}/"><code>u-1</code></a>' in source
    assert "not text: shown as base64" in words
    assert "of=existing" in source
    assert AuditEvent.objects.get(action=AUDIT_ACTION).detail == {"requested": 2, "shown": 2}
    assert list(TaskCanvas.objects.values_list("broker", "vhost", "uuid", "group")) == [(jobs.broker_id, vhost, "u-1", "g-1")]


def test_who_may_not_see_bodies_sees_where_messages_were_published_and_how_large_they_are(client: Client, jobs: Queue, rabbitmq: TestNode, vhost: str) -> None:
    person("ada", "admin")  # somebody must manage people
    rights.save_role("looker", {"view", "peek"})
    client.force_login(person("eve", "looker"))
    publish(rabbitmq, vhost, "hidden body", headers={"level": "hidden header"}, correlation_id="hidden id")
    words = text_of(client.post(f"/queues/{jobs.pk}/messages/", {"count": "1"}).content.decode())
    assert "its body of 11 B are hidden" in words
    called = client.post("/api/v1/messages/peek", {"broker": "prod", "vhost": vhost, "queue": "jobs"}, "application/json").json()["messages"][0]
    assert (called["routing_key"], called["payload"], called["payload_bytes"], called["properties"]) == ("jobs", "", 11, {})
    assert "hidden body" not in words and "hidden header" not in words and "hidden id" not in words


def test_pickled_arguments_are_described_and_never_loaded(person: Client, jobs: Queue, rabbitmq: TestNode, vhost: str) -> None:
    headers = {"task": "shop.pay", "id": "u-1", "lang": "py", "argsrepr": "(1,)", "kwargsrepr": "{}"}
    publish(rabbitmq, vhost, "gASVAAAAAAAAAC4=", "base64", headers=headers, content_type="application/x-python-serialize")
    words = text_of(person.post(f"/queues/{jobs.pk}/messages/", {"count": "1"}).content.decode())
    assert "(1,) {}" in words
    assert "It is not loaded" in words


def test_missing_permission_to_read_is_403_with_the_command_that_grants_it(
    person: Client, jobs: Queue, rabbitmq: TestNode, vhost: str, settings: LazySettings
) -> None:
    user, password = rabbitmq.new_user(permissions={vhost: {"configure": "", "write": "", "read": ""}})
    settings.BROKERS = (rabbitmq.address("prod", user, password),)
    answer = person.post(f"/queues/{jobs.pk}/messages/", {"count": "1"})
    assert answer.status_code == 403
    assert f"rabbitmqctl set_permissions -p {vhost} {user} " in text_of(answer.content.decode())


def test_an_empty_queue_is_reported(person: Client, jobs: Queue) -> None:
    words = text_of(person.post(f"/queues/{jobs.pk}/messages/", {"count": "1"}).content.decode())
    assert "No message was ready at" in words
    assert "they cannot be peeked at" in words


def test_a_dead_letter_shows_where_it_was_dead_lettered(person: Client, jobs: Queue, rabbitmq: TestNode, vhost: str) -> None:
    dead_letterings = [{"queue": "mail", "reason": "rejected", "count": 1, "exchange": "orders", "routing-keys": ["order.new.eu"]}]
    publish(rabbitmq, vhost, "x", headers={"x-death": dead_letterings})
    words = text_of(person.post(f"/queues/{jobs.pk}/messages/", {"count": "1"}).content.decode())
    assert "Dead-lettered from mail: a consumer rejected it." in words
    assert "It was first published to exchange orders with the key order.new.eu." in words


def test_a_real_dead_letter_is_the_same_from_peek_and_from_the_management_api(person: Client, jobs: Queue, rabbitmq: TestNode, vhost: str) -> None:
    dies = {"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "jobs"}
    rabbitmq.api("PUT", f"queues/{vhost}/short", {"durable": True, "arguments": dies})
    message = {"routing_key": "short", "payload": "x", "payload_encoding": "string", "properties": {"headers": {"level": 1}}}
    rabbitmq.api("POST", f"exchanges/{vhost}/amq.default/publish", message)
    get = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    shown = wait_until(lambda: rabbitmq.api("POST", f"queues/{vhost}/jobs/get", get))
    parsed = message_formats.read(json.dumps(shown))
    assert parsed.question is not None and (parsed.question["exchange"], parsed.question["routing_key"]) == ("", "jobs")
    assert (parsed.dead_letters.exchange, parsed.dead_letters.key) == ("", "short")
    words = text_of(person.post(f"/queues/{jobs.pk}/messages/", {"count": "1"}).content.decode())
    assert (
        parsed.dead_letters.first == "It was first published to the default exchange with the key short, and was first dead-lettered from short (it expired)."
    )
    assert parsed.dead_letters.first in words
    assert re.search(r"Dead-lettered from short: it expired\. That was \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.", words)


def test_the_queue_page_leads_here_and_to_what_reaches_it(person: Client, broker: Broker) -> None:
    found = queue(broker)
    source = person.get(f"/queues/{found.pk}/").content.decode()
    assert f'href="/queues/{found.pk}/messages/"' in source
    assert "/routing/?broker=prod&amp;vhost=%2F&amp;of=reach&amp;queue=mail" in source
