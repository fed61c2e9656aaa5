"""`GET tasks` and `GET task`: the contract's fields, filters, and errors that name the field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker
from tests.api.conftest import World
from workers.models import EventSource, Task

FIELDS = (
    "uuid name state last_seen_state worker queue exchange routing_key sent_at received_at started_at ended_at runtime_seconds retries exception broker vhost"
)
DETAIL = "args kwargs result traceback parent_id root_id children"


def seen(world: World, uuid: str, **known: Any) -> Task:
    at = world.now - timedelta(seconds=known.pop("seconds_ago", 0))
    return Task.objects.create(**{"broker": world.broker, "vhost": "/", "uuid": uuid, "state": "SUCCESS", "first_seen_at": at, "changed_at": at, **known})


def uuids(answer: tuple[int, Any]) -> list[str]:
    assert answer[0] == 200, answer
    return [item["uuid"] for item in answer[1]["items"]]


def test_a_list_has_a_total_and_items_with_all_fields(call: Any, world: World) -> None:
    seen(world, "a", name="mail.send", retries=2)
    status, answer = call("tasks")
    assert (status, answer["total"]) == (200, 1)
    [item] = answer["items"]
    assert set(FIELDS.split()) <= set(item)
    assert (item["name"], item["retries"], item["broker"], item["worker"], item["sent_at"]) == ("mail.send", 2, "prod", None, None)


def test_the_queue_is_the_one_worked_out_beside_the_senders_word(call: Any, world: World) -> None:
    seen(world, "one", queue="orders.us", queue_source="both", sent_queue="search.index")
    seen(world, "two", queues='["audit", "us"]', queue_source="routing")
    seen(world, "unknown", queue_source="", queue_reason="hash picks one of several queues")
    seen(world, "old", sent_queue="mail")
    queues = {item["uuid"]: [item[name] for name in ("queue", "queues", "queue_source", "queue_reason", "sent_queue")] for item in call("tasks")[1]["items"]}
    assert queues == {
        "one": ["orders.us", ["orders.us"], "both", None, "search.index"],
        "two": [None, ["audit", "us"], "routing", None, None],
        "unknown": [None, [], None, "hash picks one of several queues", None],
        "old": [None, [], None, "it was stored before Hareline worked out queues from bindings", "mail"],
    }
    assert [uuids(call("tasks", queue=name)) for name in ("orders.us", "us", "audit", "mail", "search.index")] == [["one"], ["two"], ["two"], [], []]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "FAILURE"}, ["failed"]),
        ({"state": "failure,SUCCESS"}, ["failed", "mail"]),
        ({"name": "mail.*"}, ["mail"]),
        ({"worker": "a@web-1"}, ["failed"]),
        ({"queue": "mail"}, ["mail"]),
        ({"broker": "prod", "vhost": "other"}, []),
        ({"sort": "at"}, ["mail", "failed"]),
        ({"page": 2, "page_size": 1}, ["mail"]),
        ({"q": "fail"}, ["failed"]),
        ({"q": "state:failed retries<1", "from": "-1min"}, ["failed"]),
        ({"q": "name:mail.* -state:failed"}, ["mail"]),
        ({"q": "state:failed", "from": "-1s", "to": "-1h"}, []),
    ],
)
def test_a_list_is_narrowed_by_its_query(call: Any, world: World, query: dict[str, Any], found: list[str]) -> None:
    seen(world, "mail", seconds_ago=600, name="mail.send", queue="mail")
    seen(world, "failed", state="FAILURE", name="orders.capture", worker="a@web-1", retries=0)
    assert uuids(call("tasks", **query)) == found


def test_a_list_is_narrowed_by_time(call: Any, world: World) -> None:
    seen(world, "old", seconds_ago=600)
    seen(world, "new", seconds_ago=10)
    middle = (world.now - timedelta(seconds=300)).isoformat()
    assert uuids(call("tasks", **{"from": middle})) == ["new"]
    assert uuids(call("tasks", to=middle)) == ["old"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "BROKEN"}, "state"),
        ({"sort": "args"}, "sort"),
        ({"from": "soon"}, "from"),
        ({"from": "-soon"}, "from"),
        ({"q": "stat:failed"}, "q"),
        ({"q": "name:a runtime>soon"}, "q"),
        ({"q": "state:failed", "state": "SUCCESS"}, "state"),
        ({"q": "name:a", "name": "a"}, "name"),
        ({"q": "after:-1h", "from": "-1h"}, "from"),
        ({"page": 0}, "page"),
        ({"page_size": 501}, "page_size"),
    ],
)
def test_an_invalid_query_names_the_field(call: Any, query: dict[str, Any], field: str) -> None:
    status, answer = call("tasks", **query)
    assert (status, answer["error"]["field"]) == (400, field)


def test_a_task_has_every_field_and_its_children(call: Any, world: World) -> None:
    seen(world, "root", name="orders.capture", args="(1,)", kwargs="{}", result="None", root_id="root", exception=None)
    child = seen(world, "child", name="mail.send", parent_id="root", root_id="root", state="UNKNOWN", last_seen_state="STARTED")
    status, task = call("task", uuid="root")
    assert status == 200
    assert set(f"{FIELDS} {DETAIL}".split()) <= set(task)
    assert (task["args"], task["result"], task["root_id"], task["parent_id"]) == ("(1,)", "None", "root", None)
    assert task["children"] == [{"id": child.pk, "uuid": "child", "name": "mail.send", "state": "UNKNOWN"}]
    assert call("task", uuid="child")[1]["last_seen_state"] == "STARTED"


def test_an_unknown_uuid_is_not_found(call: Any) -> None:
    status, answer = call("task", uuid="nobody")
    assert (status, answer["error"]["field"]) == (404, "uuid")


def test_a_uuid_seen_in_two_places_needs_broker_and_virtual_host(call: Any, world: World) -> None:
    other = Broker.objects.create(name="other", state=Broker.UP, reason="", since=world.now, polled_at=world.now, poll_seconds=5)
    EventSource.objects.create(broker=other, vhost="/", state=EventSource.RECEIVING)
    EventSource.objects.create(broker=world.broker, vhost="shop", state=EventSource.RECEIVING)
    for broker, vhost in ((world.broker, "/"), (world.broker, "shop"), (other, "/")):
        seen(world, "twice", broker=broker, vhost=vhost)
    assert (call("task", uuid="twice")[0], call("task", uuid="twice")[1]["error"]["field"]) == (400, "broker")
    status, answer = call("task", uuid="twice", broker="prod")
    assert (status, answer["error"]["field"]) == (400, "vhost")
    assert call("task", uuid="twice", broker="prod", vhost="shop")[1]["vhost"] == "shop"
    assert call("task", uuid="twice", broker="other")[1]["broker"] == "other"


def test_a_broker_that_does_not_exist_is_not_found(call: Any) -> None:
    assert call("tasks", broker="nobody")[0] == 404
    assert call("task", uuid="a", broker="nobody")[0] == 404


def test_a_list_goes_on_after_the_task_that_its_next_names(call: Any, world: World) -> None:
    for number in range(3):
        seen(world, f"t{number}", seconds_ago=number, name=f"n{number}")
    status, answer = call("tasks", page_size=2)
    assert (status, answer["total"], uuids((status, answer))) == (200, 3, ["t2", "t1"])
    assert answer["next"] and answer["next"] != "null"
    status, rest = call("tasks", page_size=2, after=answer["next"])
    assert (status, rest["total"], uuids((status, rest)), rest["next"]) == (200, 3, ["t0"], None)
    by_name = call("tasks", page_size=2, sort="name")[1]["next"]
    assert uuids(call("tasks", page_size=2, sort="name", after=by_name)) == ["t2"]
    status, answer = call("tasks", after="nonsense")
    assert (status, answer["error"]["field"]) == (400, "after")
