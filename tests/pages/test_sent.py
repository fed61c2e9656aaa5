"""What the send page shows of what was sent: how it ends, beside what was predicted, and again in the form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue
from dashboard import store
from dashboard.layout.map_links import node_id
from dashboard.send.action import with_down_queues
from tests.pages.sending import PLACE, sent_event
from tests.pages.sending import broker as broker
from tests.people import person as person_of
from workers.models import Task
from workers.sending.sender import Sent

pytestmark = pytest.mark.django_db


def test_a_task_in_a_queue_without_consumers_waits_with_a_reason(person: Client, broker: Broker) -> None:
    page = person.get(f"/send/{PLACE}&sent={sent_event().pk}").content.decode()
    assert "sent, waiting: reports has no consumers" in page
    assert "confirmed by the broker" in page
    assert f"path={node_id('exchange', broker.pk, '/', '')}~{node_id('queue', broker.pk, '/', 'reports')}".replace("~", "%7E") in page.replace("~", "%7E")


def test_what_was_sent_before_is_looked_at_again_until_it_ends(person: Client, broker: Broker, now: datetime) -> None:
    sent_event()
    task = Task.objects.create(broker=broker, vhost="/", uuid="u-1", name="reports.render", state="STARTED", first_seen_at=now, changed_at=now)
    assert 'data-follows="tick/5"' in person.get(f"/send/{PLACE}&part=before").content.decode()
    Task.objects.filter(pk=task.pk).update(state="SUCCESS", ended_at=now)
    assert "data-follows" not in person.get(f"/send/{PLACE}&part=before").content.decode()


def test_a_failure_shows_its_exception_and_traceback(person: Client, broker: Broker, now: datetime) -> None:
    seen: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now, "sent_at": now, "received_at": now, "started_at": now}
    Task.objects.create(**seen, uuid="u-1", state="FAILURE", worker="a@web-1", ended_at=now, exception="ValueError('<b>')", traceback="File <x>\nValueError")
    page = person.get(f"/send/{PLACE}&sent={sent_event().pk}&part=follow").content.decode()
    assert "Failed: ValueError(&#x27;&lt;b&gt;&#x27;)" in page
    assert "File &lt;x&gt;" in page
    assert "by a@web-1" in page


def test_a_returned_message_is_gone(person: Client, broker: Broker) -> None:
    event = sent_event(outcome="returned", reason="It reached no queue and is gone: there is none of that name.", routing_key="nope")
    page = person.get(f"/send/{PLACE}&sent={event.pk}").content.decode()
    assert "reached no queue" in page and "On the map" not in page
    assert "every 1s" not in page


def test_what_was_sent_before_can_be_filled_in_again(person: Client, broker: Broker) -> None:
    event = sent_event(args='["&lt;"]', kwargs='{"a": 1}')
    page = person.get(f"/send/{PLACE}").content.decode()
    assert f"again={event.pk}" in page
    page = person.get(f"/send/{PLACE}&again={event.pk}").content.decode()
    assert "[&quot;&amp;lt;&quot;]" in page
    assert 'name="queue" list="queue-names" value="reports"' in page


def test_what_was_sent_elsewhere_lately_hides_nothing_of_what_may_be_seen(client: Client, broker: Broker) -> None:
    sent_event(task="visible.task")
    for _ in range(9):
        store.audit(None, "send task", store.DONE, timezone.now(), broker="prod", vhost="/other", name="x", detail={"uuid": "u-2"})
    client.force_login(person_of("otto", "viewer", vhost="/"))
    assert "reports.render" in client.get(f"/send/{PLACE}&part=before").content.decode()


def test_who_sees_a_part_of_the_broker_sees_why_nothing_was_sent_without_its_address(client: Client, person: Client, broker: Broker) -> None:
    event = sent_event(outcome="not sent", reason="no AMQP connection to rabbit.example:5672: timed out")
    assert "rabbit.example:5672" in person.get(f"/send/{PLACE}&sent={event.pk}").content.decode()
    client.force_login(person_of("otto", "operator", vhost="/"))
    page = client.get(f"/send/{PLACE}&sent={event.pk}").content.decode()
    assert "no AMQP connection to the broker: timed out" in page and "rabbit.example" not in page


def test_predicted_and_real_stand_side_by_side(person: Client, broker: Broker, now: datetime) -> None:
    predicted = {"exchange": "", "routing_key": "reports", "queues": ["reports"], "workers": ["b@web-2"], "certain": True}
    seen: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now, "sent_at": now, "received_at": now}
    event = sent_event(predicted=predicted)
    page = person.get(f"/send/{PLACE}&sent={event.pk}&part=follow").content.decode()
    rows = page.split("compared-table")[1].split("<tbody>")[1].split("</tbody>")[0]
    assert (rows.count("as predicted"), rows.count("not yet")) == (3, 1)
    Task.objects.create(**seen, uuid="u-1", state="RECEIVED", worker="a@web-1")
    page = person.get(f"/send/{PLACE}&sent={event.pk}&part=follow").content.decode()
    row = page.split("worker node")[1].split("</tr>")[0]
    assert "b@web-2" in row and "a@web-1" in row and "different" in row


def test_a_sending_of_before_predictions_were_kept_shows_none(person: Client, broker: Broker) -> None:
    for old in (None, "x", {"exchange": 5}):
        page = person.get(f"/send/{PLACE}&sent={sent_event(predicted=old).pk}&part=follow").content.decode()
        assert "compared-table" not in page


def test_a_task_that_bindings_lead_to_a_queue_on_a_lost_node_says_so(broker: Broker) -> None:
    Queue.objects.filter(name="reports").update(state="down", node="rabbit@n1")
    returned = Sent("u-1", "returned", "no binding of it matches", timezone.now(), "orders", "order.new")
    found = with_down_queues(returned, broker, "/", ["reports", "mail", "unknown"])
    assert found.reason == "It reached no queue and is gone: the exchange orders with the key order.new leads to reports (on rabbit@n1), which is down."
    for other in (msgspec.structs.replace(returned, exchange=""), msgspec.structs.replace(returned, outcome="confirmed")):
        assert with_down_queues(other, broker, "/", ["reports"]) == other
    assert with_down_queues(returned, broker, "/", ["mail"]) == returned
