"""Answers of odd shapes that were reported in the field (tests/cases/field/odd-answers.json): the row is kept, and what is odd in it is unknown."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from brokers import queries, store
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError
from brokers.management import parse
from brokers.management.management_api import ManagementApi
from brokers.models import Queue
from brokers.polling.poll_memory import PollMemory
from brokers.scope import EVERYTHING
from brokers.stats import QueueStats
from dashboard.layout.consumer_workers import consumers_of
from dashboard.layout.consumption import consuming_of
from dashboard.layout.levels import Level
from dashboard.layout.queue_levels import queue_level
from dashboard.queues.row import consumer_names, queue_row
from tests import postgres
from tests.brokers.facts import NOON, after
from tests.brokers.management import QUICK, FakeManagement, queue
from tests.brokers.polled import Poll, poll_once, save_whole_poll
from tests.fault_server import Answer, FaultServer

CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "cases" / "field" / "odd-answers.json").read_text())


def rows(path: str, why: str) -> list[dict[str, Any]]:
    """The rows of the case whose reason begins so."""
    (case,) = (case for case in CASES[path] if case["why"].startswith(why))
    return case["rows"] if "rows" in case else [case["row"]]


def queues(why: str) -> list[QueueStats]:
    return parse.queues(json.dumps(rows("GET /api/queues", why)).encode())


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def poll(broker: FakeManagement, seconds: float = 0, memory: PollMemory | None = None) -> Poll:
    return poll_once(broker.api(), after(seconds), memory or PollMemory())


def stored(broker: FakeManagement, *found: dict[str, Any], consumers: list[dict[str, Any]] | None = None) -> dict[str, Queue]:
    """The rows of these queues after two polls."""
    names = {(row["vhost"], row["name"]) for row in found}
    broker.set("queues", list(found))
    broker.set("overview", {**broker.overview, "object_totals": {"queues": len(names)}})
    broker.set("vhosts", [{"name": vhost} for vhost in sorted({"/"} | {vhost for vhost, _ in names})])
    broker.set("exchanges", [{"vhost": vhost, "name": "", "type": "direct"} for vhost in sorted({"/"} | {vhost for vhost, _ in names})])
    broker.set("consumers", consumers or [])
    row, memory, polls = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory(), PollMemory()
    for seconds in (0, 5):
        save_whole_poll(row.pk, poll(broker, seconds, polls), after(seconds), memory, lambda: True)
    return {queue.name: queue for queue in queries.queues(EVERYTHING, page_size=500).items}


def level(queue: Queue) -> Level:
    return queue_level(queue, queue.broker, after(6))


# Consumers


def test_a_consumer_without_a_channel_is_listed_and_nobody_is_said_to_be_behind_it() -> None:
    (consumer,) = parse.consumers(json.dumps(rows("GET /api/consumers", "AMQP 1.0")).encode())
    assert (consumer.queue, consumer.tag, consumer.prefetch, consumer.channel_name, consumer.peer_host) == ("orders", "0", 0, "", "")
    (found,) = consumers_of([consumer], [], [], [])["/", "orders"]
    assert [(name.name, name.worker_id, name.celery) for name in consumer_names([found])] == [("unknown client", None, False)]


def test_a_shovels_consumer_has_no_host() -> None:
    (consumer,) = parse.consumers(json.dumps(rows("GET /api/consumers", "shovel")).encode())
    assert (consumer.peer_host, consumer.peer_port, consumer.user, consumer.connection_name) == ("", None, "shovel", "<rabbit@a.1.2.3>")


def test_an_empty_table_of_arguments_may_be_a_list() -> None:
    (consumer,) = parse.consumers(json.dumps(rows("GET /api/consumers", "arguments as []")).encode())
    assert (consumer.arguments, consumer.channel_name, consumer.ack_required, consumer.active) == ({}, "", False, None)


@pytest.mark.django_db
def test_a_single_active_consumer_queue_of_which_no_consumer_is_active_stands_still(broker: FakeManagement) -> None:
    facts = {"consumers": 2, "messages_ready": 7, "memory": 1, "arguments": {"x-single-active-consumer": True}, "message_stats": {"deliver_get": 3, "ack": 3}}
    sac = stored(broker, queue("sac", **facts), consumers=rows("GET /api/consumers", "single active consumer"))["sac"]
    assert level(sac) == Level("critical", "stands still: none of its 2 consumers is active")
    assert [one.consumer.active for one in consuming_of(sac)] == [False, False]


@pytest.mark.django_db
def test_a_queue_that_reports_no_active_consumer_is_believed_before_the_list_of_consumers(broker: FakeManagement) -> None:
    facts = {"consumers": 2, "messages_ready": 7, "memory": 1, "arguments": {"x-single-active-consumer": True}, "single_active_consumer_tag": None}
    consumers = [{**row, "active": not number} for number, row in enumerate(rows("GET /api/consumers", "single active consumer"))]
    sac = stored(broker, queue("sac", **facts), consumers=consumers)["sac"]
    assert (sac.active_consumers, level(sac).reason) == (0, "stands still: none of its 2 consumers is active")


# Queues


@pytest.mark.django_db
def test_delayed_messages_wait_too(broker: FakeManagement) -> None:
    retry = stored(broker, *rows("GET /api/queues", "quorum queue with delayed retry"))["retry"]
    assert (retry.ready, retry.unacknowledged, retry.delayed, retry.depth) == (5, 5, 110, 120)


@pytest.mark.django_db
def test_a_type_that_nobody_knows_is_shown_as_it_is(broker: FakeManagement) -> None:
    jms = stored(broker, *rows("GET /api/queues", "queue type nobody had"))["jms1"]
    assert (jms.type, jms.depth, jms.consumers) == ("jms", 1, None)
    assert level(jms) == Level("unknown", "holds 1 message; its consumers are unknown")


@pytest.mark.django_db
def test_a_queue_on_a_node_that_is_down_is_down_with_unknown_figures(broker: FakeManagement) -> None:
    away = stored(broker, *rows("GET /api/queues", "classic queue on a node that is down"))["away"]
    assert (away.state, away.node, away.depth) == ("down", "rabbit@gone", None)
    assert level(away) == Level("critical", "is down")


@pytest.mark.django_db
@pytest.mark.parametrize("step", [1, -1])
def test_two_rows_of_one_queue_are_one_with_the_figures_of_the_running_one(broker: FakeManagement, step: int) -> None:
    twin = stored(broker, *rows("GET /api/queues", "the same queue listed twice")[::step])["twin"]
    assert (twin.state, twin.ready, twin.node, Queue.objects.count()) == ("running", 7, "rabbit@a", 1)


@pytest.mark.django_db
def test_a_queue_without_any_figure_is_kept_and_unknown(broker: FakeManagement) -> None:
    foreign = stored(broker, *rows("GET /api/queues", "another version's node"))["foreign"]
    assert (foreign.type, foreign.state, foreign.depth, foreign.consumers) == ("", "", None, None)
    assert level(foreign) == Level("unknown", "prod does not report its depth")


@pytest.mark.django_db
def test_a_negative_count_is_unknown(broker: FakeManagement) -> None:
    minus = stored(broker, *rows("GET /api/queues", "negative figures"))["minus"]
    assert (minus.ready, minus.unacknowledged, minus.depth) == (None, 10, None)
    assert queue_row(minus, minus.broker, (), after(6)).text["ready"] == "–"


def test_statistics_may_be_an_empty_list() -> None:
    (listy,) = queues("message_stats as []")
    assert (listy.ready, listy.published, listy.delivered) == (0, None, None)


@pytest.mark.django_db
def test_a_queue_that_is_idle_since_long_is_not_active(broker: FakeManagement) -> None:
    idle = stored(broker, *rows("GET /api/queues", "state running beside idle_since"))["idle"]
    assert level(idle) == Level("unknown", "holds 583,248 messages; its consumers are unknown")


@pytest.mark.django_db
def test_names_of_any_kind_are_queues_of_their_own(broker: FakeManagement) -> None:
    given = rows("GET /api/queues", "names")
    found = stored(broker, *given)
    kept = [row["name"].replace("\0", "␀") for row in given] if postgres.SERVER else [row["name"] for row in given]  # PostgreSQL has no NUL in texts
    assert found.keys() == set(kept)
    assert len({queue_row(queue, queue.broker, (), NOON).fixed["url"] for queue in found.values()}) == len(given) == 8


# The overview, and whole answers


def test_totals_are_of_what_waits_and_not_of_what_streams_keep(broker: FakeManagement) -> None:
    case = CASES["GET /api/overview"]
    broker.set("queues", [queue("mail", messages_ready=3), queue("log", type="stream", messages_ready=9_800_000)])
    broker.set("overview", {**broker.overview, **case["row"]})
    found = poll(broker).stats.overview
    assert (found.version, found.ready, found.unacknowledged) == ("4.1.4", 3, 0)
    broker.set("vhosts", [{"name": "/"}, {"name": "hidden"}])  # its queues count too, but can't be looked at
    assert poll(broker).stats.overview.ready == 3


def whole(why: str) -> dict[str, Any]:
    (case,) = (case for case in CASES["whole answers"] if case["why"].startswith(why))
    return dict(case)


@pytest.mark.parametrize("why", ["502 for one virtual host", "proxy that decodes"])
def test_details_of_a_queue_that_can_not_be_read_leave_the_list_as_it_is(broker: FakeManagement, why: str) -> None:
    case = whole(why)
    many = {f"q{number}": 1 for number in range(1001)} | {"orders": 2}
    broker.set_queues(many)
    broker.set_metrics(dict.fromkeys(many, (1, 0, 0)))
    for path in ("queues///orders", "queues/%2F/orders"):
        broker.set(path, Answer(status=case["status"], body=case["body"].encode()))
    stats = poll_once(broker.api(), NOON, PollMemory(), viewed_queues=[("/", "orders")]).stats
    assert (len(stats.queues), stats.queues["/", "orders"].ready, stats.queues["/", "orders"].published) == (1002, 1, None)


def test_exchanges_whose_details_fail_are_listed_and_their_publishers_unknown(broker: FakeManagement) -> None:
    case = whole("500 for every single exchange")
    broker.overview["rates_mode"] = "detailed"
    broker.set_queues({"mail": 1})
    broker.set("exchanges///orders", Answer(status=case["status"], body=case["body"].encode()))
    found = poll_once(broker.api(), NOON, PollMemory(), viewed_exchanges=[("/", "orders")])
    assert (found.publishers, found.stats.failed, len(found.stats.exchanges)) == ({}, {"publishers"}, 1)


def test_lists_are_never_requested_sorted_or_by_pages_which_fails_where_they_do_not(broker: FakeManagement) -> None:
    whole("500 for /api/queues only when sorted")
    broker.set_queues({"mail": 1})
    poll(broker)
    assert not [request.query for request in broker.server.requests if "sort=" in request.query or "page=" in request.query]


def test_an_amqp_port_given_as_the_management_address_is_an_error_that_names_the_request() -> None:
    case = whole("the AMQP port")
    with answering(case["body"].removesuffix(" then closed").encode()) as port, pytest.raises(BrokerError, match="/api/overview"):
        poll_once(ManagementApi(BrokerAddress("prod", (f"http://127.0.0.1:{port}",), "ann", "secret"), limits=QUICK), NOON, PollMemory())


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """The port of a server that answers whatever comes with these bytes and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(body)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_every_case_has_its_test() -> None:
    quoted = tuple(re.findall(r'"([^"\n]+)"', Path(__file__).read_text()))
    cases = [case["why"] for path in ("GET /api/consumers", "GET /api/queues", "whole answers") for case in CASES[path]]
    assert [why for why in cases if not why.startswith(quoted)] == []
