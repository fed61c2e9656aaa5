"""`GET routing/reach`: a queue, a worker node or a task in, what reaches it out."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Broker, VirtualHost
from tests.api.conftest import World
from workers.models import Worker

HERE = {"broker": "prod", "vhost": "/"}


@pytest.fixture(autouse=True)
def vhost(world: World) -> None:
    VirtualHost.objects.create(broker=world.broker, name="/", first_seen_at=world.now)


def test_a_queue_lists_its_paths_with_examples_that_explain_accepts(world: World, call: Any) -> None:
    status, answer = call("routing/reach", **HERE, queue="mail")
    assert status == 200
    [one_queue] = answer["queues"]
    examples = [path["example"] for path in one_queue["ways"]]
    assert examples == [{"exchange": "", "routing_key": "mail", "headers": None}, {"exchange": "orders", "routing_key": "order", "headers": None}]
    assert one_queue["ways"][1]["legs"][0]["condition"] == "with a routing key like `order.#`"
    assert (one_queue["consumers"], one_queue["workers"][0]["hostname"], one_queue["complete"]) == (1, "a@web-1", True)


def test_a_worker_node_lists_its_queues_and_the_tasks_that_reach_it(world: World, call: Any) -> None:
    Worker.objects.filter(pk=world.worker.pk).update(registered=[{"name": "shop.pay", "attributes": {"queue": "mail"}}])
    status, answer = call("routing/reach", **HERE, worker="a@web-1")
    assert (status, answer["of"], [one["queue"] for one in answer["queues"]]) == (200, "worker", ["mail"])
    assert [one["task"] for one in answer["queues"][0]["tasks"]] == ["shop.pay"]


def test_a_task_lists_the_queues_without_consumers(world: World, call: Any) -> None:
    Worker.objects.filter(pk=world.worker.pk).update(registered=[{"name": "shop.pay", "attributes": {"queue": "a/b ü"}}])
    status, answer = call("routing/reach", **HERE, task="shop.pay")
    assert (status, answer["waiting"]) == (200, [{"queue": "a/b ü", "dead_letters_of": None}])


def test_an_unavailable_broker_makes_the_answer_uncertain(call: Any) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE, reason="refused")
    _, answer = call("routing/reach", **HERE, queue="mail")
    assert (answer["certain"], answer["queues"][0]["consumers"]) == (False, None)


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({}, 400, "queue"),
        ({"queue": "mail", "task": "shop.pay"}, 400, "task"),
        ({"queue": "nope"}, 404, "queue"),
        ({"worker": "nobody@web-1"}, 404, "worker"),
        ({"worker": "b@web-2"}, 404, "worker"),
        ({"task": ""}, 400, "task"),
        ({"queue": "mail", "vhost": "nowhere"}, 404, "vhost"),
        ({"queue": "mail", "broker": "nope"}, 404, "broker"),
    ],
)
def test_an_error_names_its_field(call: Any, changed: dict[str, str], status: int, field: str) -> None:
    found, answer = call("routing/reach", **HERE | changed)
    assert (found, answer["error"]["field"]) == (status, field)
