"""A poll whose unchanged queues are the objects of the poll before stores what one with new objects everywhere stores, and reads every change once."""

from __future__ import annotations

import copy
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from brokers import store
from brokers.addresses import BrokerAddress
from brokers.management.management_api import ManagementApi
from brokers.models import Queue, Snapshot
from brokers.polling import depth_sources, node_metrics
from brokers.polling.node_metrics import Seen
from brokers.polling.poll_memory import DepthMemory, PollMemory
from brokers.stats import NodeStats, QueueStats
from brokers.store import BrokerMemory
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, after

NAMES = ("a", "b", "c", "d", "e")


def rows(broker_id: int) -> list[tuple[Any, ...]]:
    names = [field.name for field in Queue._meta.fields if field.name not in ("id", "broker")]
    return list(Queue.objects.filter(broker_id=broker_id).order_by("name", "first_seen_at").values_list(*names))


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_the_same_is_stored_whether_objects_are_shared_or_new(seed: int) -> None:
    chance = random.Random(seed)
    shared_broker, new_broker = a_broker("shared"), a_broker("new")
    shared, new = BrokerMemory(), BrokerMemory()
    queues = {name: a_queue(name, ready=0, unacknowledged=0, consumers=0, published=0) for name in NAMES[:3]}
    for number in range(14):
        at = after(number * 5 if number < 9 else number * 5 + 900)  # with a gap
        for name in chance.sample(NAMES, 2):
            if name not in queues:
                queues[name] = a_queue(name, ready=1, unacknowledged=0, consumers=1, published=1)
            elif chance.random() < 0.1:
                del queues[name]
            else:
                queue = queues[name] = copy.copy(queues[name])
                queue.ready, queue.consumers = chance.randrange(5), chance.randrange(2)
                queue.published = (queue.published or 0) + chance.randrange(40)
        store.save_poll(shared_broker.pk, a_poll(at, *queues.values()), at, shared)
        store.save_poll(new_broker.pk, a_poll(at, *map(copy.copy, queues.values())), at, new)
        assert rows(shared_broker.pk) == rows(new_broker.pk), f"after poll {number}"
    lengths = [list(Snapshot.objects.filter(broker_id=one.pk, kind="queues").order_by("at").values_list("at", "is_key")) for one in (shared_broker, new_broker)]
    assert lengths[0] == lengths[1]


def body(**ready: int) -> bytes:
    return "\n".join(f'rabbitmq_detailed_queue_messages_ready{{vhost="/",queue="{name}"}} {count}' for name, count in ready.items()).encode() + b"\n"


class Plugin:
    """What a node's plugin answers, one after the other."""

    address = BrokerAddress("prod", ("http://a:15672",), "u", "p", metrics_urls=("http://a:15692",))

    def __init__(self, *answers: bytes) -> None:
        self._answers = iter(answers)

    def depths_of_node(self, *_: object) -> bytes:
        return next(self._answers)


def depths(plugin: Plugin, memory: DepthMemory, queues: int) -> dict[str, QueueStats] | None:
    overview = SimpleNamespace(object_totals={"queues": queues, "consumers": 0}, metrics_port=15692)
    seen = Seen(cast(Any, overview), [NodeStats("rabbit@a", True)], frozenset({"/"}))
    found, _ = node_metrics.read(cast(ManagementApi, plugin), seen, memory, NOON, lambda: None)
    return None if found is None else {name: queue for (_, name), queue in found.items()}


def known(*names: str) -> DepthMemory:
    return DepthMemory(known={("/", name): QueueStats("/", name, type="classic") for name in names})


def test_a_queue_of_which_nothing_changed_is_the_same_object() -> None:
    memory, plugin = known("a", "b"), Plugin(body(a=1, b=1), body(a=2, b=1), body(a=2, b=1))
    first, second, third = [depths(plugin, memory, 2) or {} for _ in range(3)]
    assert (second["a"].ready, first["a"].ready) == (2, 1)
    assert second["b"] is first["b"] is third["b"] and third["a"] is second["a"]


def test_the_others_stay_the_same_objects_where_a_queue_was_added_or_redefined() -> None:
    memory, plugin = known("a", "b", "c"), Plugin(body(a=1, b=1), body(a=1, b=1, c=0), body(a=1, b=1, c=0))
    memory.known = {key: memory.known[key] for key in (("/", "a"), ("/", "b"))}
    first = depths(plugin, memory, 2) or {}
    memory.known = {**memory.known, ("/", "c"): QueueStats("/", "c")}
    second = depths(plugin, memory, 3) or {}
    assert second["a"] is first["a"] and second["c"].ready == 0
    memory.known = {**memory.known, ("/", "a"): QueueStats("/", "a", type="quorum")}
    third = depths(plugin, memory, 3) or {}
    assert (third["a"].type, third["a"].ready) == ("quorum", 1) and third["b"] is second["b"]


def test_what_changed_in_an_answer_that_was_not_accepted_is_not_missed() -> None:
    memory, plugin = known("a", "b"), Plugin(body(a=1, b=1), body(a=7, b=1), body(a=7, b=1))
    assert depths(plugin, memory, 2)
    assert depths(plugin, memory, 3) is None
    assert (depths(plugin, memory, 2) or {})["a"].ready == 7


def test_properties_that_are_read_again_and_are_the_same_leave_the_objects() -> None:
    memory = PollMemory()
    memory.depths.known = {("/", name): QueueStats("/", name, type="classic", policy="") for name in "ab"}
    before = dict(memory.depths.known)
    memory.inventory.properties = {
        ("/", "a"): QueueStats("/", "a", type="classic", policy=""),
        ("/", "b"): QueueStats("/", "b", type="classic", policy="limits"),
    }
    memory.inventory.properties_at = NOON
    depth_sources._take_properties(memory)
    assert memory.depths.known["/", "a"] is before["/", "a"]
    assert memory.depths.known["/", "b"].policy == "limits"


def test_properties_of_many_queues_that_changed_are_taken_over_a_part_at_each_poll() -> None:
    memory, names = PollMemory(), [str(number) for number in range(2 * depth_sources.CHANGED_AT_ONCE + 1)]
    memory.depths.known = {("/", name): QueueStats("/", name, type="classic") for name in names}
    memory.inventory.properties = {("/", name): QueueStats("/", name, type="classic", policy="limits") for name in names}
    memory.inventory.properties_at = NOON
    taken = []
    for _ in range(4):
        depth_sources._take_properties(memory)
        taken.append(sum(queue.policy == "limits" for queue in memory.depths.known.values()))
    assert taken == [depth_sources.CHANGED_AT_ONCE, 2 * depth_sources.CHANGED_AT_ONCE, len(names), len(names)]


def test_queues_that_are_listed_again_and_are_the_same_stay_the_same_objects() -> None:
    memory = DepthMemory()
    depth_sources._learn(memory, {("/", "a"): QueueStats("/", "a", type="classic", ready=1), ("/", "b"): QueueStats("/", "b", type="classic")})
    before = dict(memory.known)
    depth_sources._learn(memory, {("/", "a"): QueueStats("/", "a", type="classic", ready=2), ("/", "b"): QueueStats("/", "b", type="quorum")})
    assert memory.known["/", "a"] is before["/", "a"] and memory.known["/", "b"].type == "quorum"
