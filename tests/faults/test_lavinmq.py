"""Answers as LavinMQ gives them (its HTTP API, src/lavinmq/http): no RabbitMQ version, no types, no paths in `columns`, no memory."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from brokers import store
from brokers.models import Broker, Queue
from brokers.polling.poll_memory import PollMemory
from dashboard.layout.queue_levels import queue_level
from dashboard.overview.row import broker_row
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement
from tests.brokers.polled import poll_once, save_whole_poll
from tests.fault_server import FaultServer

pytestmark = pytest.mark.django_db
STATS = {"ack": 7, "deliver": 7, "deliver_get": 7, "get": 0, "publish": 9, "redeliver": 0, "publish_details": {"rate": 1.0}}
OVERVIEW: dict[str, Any] = {
    "lavinmq_version": "2.1.0",
    "product_name": "LavinMQ",
    "node": "lavin-1",
    "uptime": 61,
    "object_totals": {"channels": 1, "connections": 1, "consumers": 1, "exchanges": 7, "queues": 2, "bindings": 2},
    "queue_totals": {"messages": 5, "messages_ready": 3, "messages_unacknowledged": 2, "messages_log": []},
    "message_stats": STATS,
    "listeners": [{"ip_address": "::", "port": 5672, "protocol": "amqp"}],
    "exchange_types": [{"name": "direct", "human": "Direct"}],
}
MAIL: dict[str, Any] = {
    "name": "mail",
    "durable": True,
    "exclusive": False,
    "auto_delete": False,
    "arguments": {},
    "consumers": 1,
    "vhost": "/",
    "messages": 5,
    "messages_ready": 3,
    "ready": 3,
    "messages_unacknowledged": 2,
    "unacked": 2,
    "policy": None,
    "operator_policy": None,
    "state": "running",
    "effective_policy_definition": {},
    "message_stats": STATS,
}
LOG = MAIL | {"name": "log", "arguments": {"x-queue-type": "stream"}, "consumers": 0, "messages_ready": 900, "messages_unacknowledged": 0}


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    found = FakeManagement(fault_server)
    found.set("overview", OVERVIEW)
    found.set("nodes", [{"uptime": 61_000, "running": True, "name": "lavin-1", "fd_total": 1024, "fd_used": 9, "mem_used": 1, "partitions": []}])
    found.set("queues", [MAIL, LOG])
    found.set("whoami", {"name": "ann", "tags": "administrator"})
    found.set("permissions", [])
    found.set("topic-permissions", [])
    return found


def test_it_is_polled_and_named_and_its_queues_have_rates_and_types(broker: FakeManagement) -> None:
    row, memory, polls, api = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory(), PollMemory(), broker.api()
    for number in range(3):
        stats = {**STATS, "ack": 7 + 10 * number, "deliver_get": 7 + 10 * number}
        broker.set("queues", [MAIL | {"message_stats": stats}, LOG])
        save_whole_poll(row.pk, poll_once(api, after(5 * number), polls), after(5 * number), memory, lambda: True)
    mail, log = Queue.objects.order_by("-name")
    assert (mail.depth, mail.ack_per_second, mail.type, log.type) == (5, 2.0, "", "stream")
    assert queue_level(mail, mail.broker, after(10)).reason == "is active"
    saved = Broker.objects.get()
    assert (saved.ready, saved.unacknowledged, saved.limits) == (3, 2, [])
    assert broker_row(saved, after(10)).text["version"] == "LavinMQ 2.1.0"


def test_no_column_is_requested_by_a_path_that_it_would_leave_out(broker: FakeManagement) -> None:
    poll_once(broker.api(), NOON, PollMemory())
    columns = [parse_qs(request.query)["columns"][0] for request in broker.server.requests if "columns=" in request.query]
    assert len(columns) > 4
    assert [text for text in columns if "." in text] == []
    assert json.dumps(columns).count("message_stats") == len([text for text in columns if "message_stats" in text])
