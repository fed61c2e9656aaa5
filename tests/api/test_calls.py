"""Each call of the API answers as documented: fields, pages, unknown as null, errors as JSON that name the field."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker, Queue, VirtualHost
from brokers.snapshots import METRICS
from brokers.store import SnapshotWriter
from tests.api.conftest import World

FIELDS = {
    "brokers": "id broker name state reason since version polled_at poll_ms alarms",
    "queues": "id broker vhost name type state ready unacknowledged depth consumers publish_per_second deliver_per_second ack_per_second "
    "oldest_seconds oldest_estimated nobody_consumes_since workers at",
    "exchanges": "id broker vhost name type",
    "bindings": "id broker vhost source destination destination_type routing_key arguments",
    "nodes": "id broker name running",
    "workers": "id broker vhost hostname state reason since pool concurrency active reserved free_slots prefetch processed queues load software heartbeat_at",
}


@pytest.mark.parametrize(("path", "fields"), FIELDS.items())
def test_a_list_has_a_total_and_items_with_all_fields(call: Any, path: str, fields: str) -> None:
    status, answer = call(path)
    assert status == 200
    assert set(answer) == {"total", "items"}
    assert answer["total"] == len(answer["items"]) > 0
    assert set(fields.split()) <= set(answer["items"][0])


@pytest.mark.parametrize("path", FIELDS)
def test_a_list_has_pages(call: Any, path: str) -> None:
    whole = call(path)[1]
    first, last = call(path, page_size=1, page=1)[1], call(path, page_size=1, page=whole["total"])[1]
    keys = [item["id"] for item in whole["items"]]
    assert ([item["id"] for item in first["items"]], [item["id"] for item in last["items"]], first["total"]) == (keys[:1], keys[-1:], whole["total"])
    assert call(path, page=1000)[1] == {"total": whole["total"], "items": []}


def test_a_queue_is_found_by_a_name_with_anything_in_it(call: Any, world: World) -> None:
    status, queue = call("queue", broker="prod", vhost="/", name="a/b ü")
    assert (status, queue["id"], queue["depth"], queue["nobody_consumes_since"] is None) == (200, world.slash.pk, 0, False)


def test_a_queue_has_its_consumers(call: Any, world: World) -> None:
    queue = call("queue", broker="prod", vhost="/", name="mail")[1]
    assert (queue["depth"], queue["ready"], queue["type"], round(queue["oldest_seconds"] / 10)) == (3, 2, "classic", 12)
    assert [(one["tag"], one["peer_host"], one["connection"]) for one in queue["consumed_by"]] == [("t1", "10.0.0.1", "c1")]


def test_unknown_is_null(call: Any) -> None:
    queue = call("queue", broker="prod", vhost="shop", name="unknown")[1]
    assert {queue[name] for name in ("depth", "ready", "consumers", "type", "publish_per_second", "oldest_seconds", "durable")} == {None}
    worker = call("workers", q="b@")[1]["items"][0]
    assert {worker[name] for name in ("pool", "concurrency", "free_slots", "queues", "load")} == {None}


def test_a_queue_that_is_gone_is_in_no_list(call: Any) -> None:
    assert {queue["name"] for queue in call("queues")[1]["items"]} == {"mail", "a/b ü", "unknown"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "mail"}, ["mail"]),
        ({"q": "depth>1"}, ["mail"]),
        ({"q": "worker:none"}, ["a/b ü"]),
        ({"vhost": "shop"}, ["unknown"]),
        ({"sort": "name"}, ["a/b ü", "mail", "unknown"]),
        ({"sort": "-depth"}, ["mail", "a/b ü", "unknown"]),
        ({"broker": "prod", "q": "nothing like it"}, []),
    ],
)
def test_queues_are_filtered_and_sorted(call: Any, query: dict[str, str], names: list[str]) -> None:
    assert [queue["name"] for queue in call("queues", **query)[1]["items"]] == names


def test_bindings_are_listed_by_source_and_destination(call: Any) -> None:
    assert [binding["routing_key"] for binding in call("bindings", source="orders")[1]["items"]] == ["order.#"]
    assert call("bindings", source="")[1]["total"] == 1
    assert call("bindings", destination="mail", destination_type="exchange")[1]["total"] == 0


def test_the_default_exchange_has_an_empty_name(call: Any, world: World) -> None:
    assert call("exchange", broker="prod", vhost="/", name="")[1]["id"] == world.default.pk
    orders = call("exchange", broker="prod", vhost="/", name="orders")[1]
    assert (orders["publish_in_per_second"], orders["publish_out_per_second"], orders["publishers"]) == (1.5, None, None)


def test_free_slots_are_those_that_run_nothing(call: Any) -> None:
    worker = call("workers", state="online")[1]["items"][0]
    assert (worker["hostname"], worker["free_slots"], worker["queues"], worker["load"]) == ("a@web-1", 3, ["mail"], [0.1, 0.2, 0.3])


def test_times_are_utc_with_z(call: Any) -> None:
    broker = call("brokers")[1]["items"][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", broker["polled_at"])
    assert all(time.endswith("Z") for time in call("history", broker="prod", metric="ready")[1]["times"])


def test_a_broker_that_is_no_longer_polled_is_unknown_with_the_reason(call: Any, world: World) -> None:
    Broker.objects.update(polled_at=world.now.replace(year=2020))
    broker = call("brokers")[1]["items"][0]
    assert broker["state"] == "unknown" and "last polled" in broker["reason"]


def test_history_has_a_value_for_each_time_and_null_for_a_gap(call: Any) -> None:
    status, answer = call(
        "history", broker="prod", vhost="/", queue="mail", metric="depth", step=60, **{"from": "2026-01-01T10:00:00Z", "to": "2026-01-01T10:05:00Z"}
    )
    assert status == 200
    assert answer["values"] == [None] * 6 and answer["times"][0] == "2026-01-01T10:00:00Z"
    assert answer["resolution_seconds"] > 0


def test_history_in_bands_has_what_is_between_its_times_and_nothing_of_the_future(call: Any, world: World) -> None:
    writer, start = SnapshotWriter(world.broker.pk, "queues", interval_seconds=30), world.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for number in range(20):
        ready = number if number % 2 else 100
        writer.write({world.mail.pk: (ready, *[None] * (len(METRICS["queues"]) - 1))}, start + timedelta(seconds=30 * number))
    query = {"from": start + timedelta(minutes=2), "to": start + timedelta(days=3650), "step": 86400, "bands": True}
    status, answer = call("history", broker="prod", vhost="/", queue="mail", metric="ready", **{**query, "to": start + timedelta(minutes=6), "step": 120})
    assert (status, answer["minimum"], answer["maximum"]) == (200, [1, 5, 9], [100, 100, 100])
    assert (answer["values"], answer["share"]) == ([51, 53, 55], [1, 1, 1])
    status, answer = call("history", broker="prod", vhost="/", queue="mail", metric="ready", **query)
    assert status == 200 and set(answer["values"][2:]) == {None}


def test_a_snapshot_has_the_queues_as_they_were_and_how_old_that_is(call: Any, world: World) -> None:
    Queue.objects.update(first_seen_at=world.now - timedelta(hours=1))
    SnapshotWriter(world.broker.pk, "queues").write({world.mail.pk: (5, 2, 1, 0.5, 0.5, 0.5, 0.0, 4096)}, world.now - timedelta(minutes=5))
    status, answer = call("snapshots", broker="prod", vhost="/", at=world.now - timedelta(minutes=5) + timedelta(seconds=2), page_size=1)
    assert (status, answer["age_seconds"], answer["resolution_seconds"]) == (200, 2, 5)
    assert [(item["name"], item["depth"], item["publish_per_second"]) for item in answer["items"]] == [("mail", 7, 0.5)]
    assert call("snapshots", broker="prod", at=world.now - timedelta(minutes=4))[0] == 404


@pytest.mark.parametrize(("kind", "name", "metric"), [("exchange", "orders", "publish_in_per_second"), ("worker", "a@web-1", "active")])
def test_history_knows_exchanges_and_workers_too(call: Any, kind: str, name: str, metric: str) -> None:
    assert call("history", broker="prod", vhost="/", metric=metric, **{kind: name})[0] == 200


def test_history_knows_nodes_and_virtual_hosts_too(call: Any, world: World) -> None:
    shop = VirtualHost.objects.create(broker=world.broker, name="shop", first_seen_at=world.now)
    for kind, pk, number in (("nodes", world.node.pk, 4096), ("vhosts", shop.pk, 7), ("broker", world.broker.pk, 70)):
        SnapshotWriter(world.broker.pk, kind).write({pk: (number, *[None] * (len(METRICS[kind]) - 1))}, world.now - timedelta(seconds=5))
    found = [
        call("history", broker="prod", metric=metric, **{"from": world.now, "to": world.now}, **place)[1]["values"]
        for metric, place in (("memory_used_bytes", {"node": "rabbit@a"}), ("ready", {"vhost": "shop"}), ("ready", {}))
    ]
    assert found == [[4096], [7], [70]]


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("queues", {"page": 0}, 400, "page"),
        ("queues", {"page": "x"}, 400, "page"),
        ("queues", {"page_size": 501}, 400, "page_size"),
        ("queues", {"sort": "colour"}, 400, "sort"),
        ("queues", {"q": "depth>many"}, 400, "q"),
        ("queues", {"broker": "nope"}, 404, "broker"),
        ("exchanges", {"sort": "-colour"}, 400, "sort"),
        ("workers", {"state": "dead"}, 400, "state"),
        ("workers", {"sort": "x"}, 400, "sort"),
        ("bindings", {"destination_type": "x"}, 400, "destination_type"),
        ("bindings", {"broker": "nope"}, 404, "broker"),
        ("nodes", {"broker": "nope"}, 404, "broker"),
        ("queue", {"broker": "prod", "vhost": "/"}, 400, "name"),
        ("queue", {"broker": "prod", "vhost": "/", "name": "nope"}, 404, "name"),
        ("exchange", {"broker": "prod", "vhost": "/", "name": "nope"}, 404, "name"),
        ("history", {"broker": "prod"}, 400, "metric"),
        ("history", {"broker": "prod", "metric": "colour"}, 400, "metric"),
        ("history", {"broker": "prod", "metric": "ready", "from": "yesterday"}, 400, "from"),
        ("history", {"broker": "prod", "metric": "ready", "step": 0}, 400, "step"),
        ("history", {"broker": "prod", "metric": "ready", "queue": "mail"}, 400, "vhost"),
        ("history", {"broker": "prod", "metric": "ready", "vhost": "/", "queue": "nope"}, 404, "queue"),
        ("history", {"broker": "prod", "metric": "ready", "vhost": "/", "queue": "mail", "exchange": "orders"}, 400, "exchange"),
        ("history", {"broker": "prod", "metric": "run_queue", "node": "nope"}, 404, "node"),
        ("history", {"broker": "prod", "metric": "run_queue", "node": "rabbit@a", "vhost": "/"}, 400, "vhost"),
        ("history", {"broker": "prod", "metric": "ready", "vhost": "nope"}, 404, "vhost"),
        ("history", {"broker": "prod", "metric": "ready", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400, "from"),
        ("history", {"broker": "prod", "metric": "ready", "to": "0001-01-01T00:00:00Z"}, 400, "to"),
        ("history", {"broker": "prod", "metric": "ready", "from": "2026-01-01", "to": "2026-01-10", "step": 0.5}, 400, "step"),
        ("history", {"broker": "prod", "metric": "ready", "from": "0003-01-01", "bands": True}, 400, "step"),
        ("snapshots", {"broker": "prod"}, 400, "at"),
        ("snapshots", {"broker": "prod", "at": "soon"}, 400, "at"),
        ("snapshots", {"broker": "prod", "at": "2020-01-01"}, 404, "at"),
        ("snapshots", {"broker": "prod", "at": "9000-01-01"}, 404, "at"),
        ("snapshots", {"broker": "nope", "at": "-1h"}, 404, "broker"),
        ("nothing", {}, 404, None),
        ("queues/mail", {}, 404, None),
    ],
)
def test_an_invalid_call_has_an_error_with_the_reason(call: Any, path: str, query: dict[str, Any], status: int, field: str | None) -> None:
    got, answer = call(path, **query)
    assert (got, answer["error"].get("field")) == (status, field)
    assert set(answer) == {"error"} and answer["error"]["code"] and answer["error"]["message"]
