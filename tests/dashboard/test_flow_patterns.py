"""The messaging pattern of queues and exchanges: copies, sharing among nodes, and fairness by what was measured."""

from __future__ import annotations

from typing import Any

from brokers.models import Channel, Consumer, Queue
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.flow_patterns import LEAST_TAKEN, NodeShare, exchange_pattern, expected_shares, queue_pattern
from dashboard.layout.queue_nodes import Taken, pattern_of_queue
from dashboard.layout.wiring import MOST_BRIEFLY, MOST_COMPARED, Wiring, wiring
from tests.every_case import every_case
from workers.models import Worker


def topology(exchanges: dict[str, str], bindings: list[tuple[Any, ...]], queues: str = "a b c") -> Topology:
    made = tuple(ExchangeDefinition(name, kind) for name, kind in sorted(exchanges.items()))
    bound = tuple(BindingDefinition(source, to, "exchange" if to in exchanges else "queue", key, *more) for source, to, key, *more in bindings)
    return Topology("/", made, tuple(QueueDefinition(name, "classic") for name in queues.split()), bound)


EXCHANGES = [
    ("fanout with two queues", "fanout", [("e", "a", ""), ("e", "b", "")], "publish_subscribe", ["a", "b"]),
    ("fanout with one queue", "fanout", [("e", "a", "")], "point_to_point", []),
    ("fanout with one queue, bound twice", "fanout", [("e", "a", "x"), ("e", "a", "y")], "point_to_point", []),
    ("direct with a key each", "direct", [("e", "a", "a"), ("e", "b", "b")], "point_to_point", []),
    ("direct with a key in common", "direct", [("e", "a", "a"), ("e", "b", "a")], "publish_subscribe", ["a", "b"]),
    ("topic with patterns apart", "topic", [("e", "a", "order.*.eu"), ("e", "b", "order.*.us")], "point_to_point", []),
    ("topic with patterns that meet", "topic", [("e", "a", "order.*.eu"), ("e", "b", "order.#")], "publish_subscribe", ["a", "b"]),
    ("topic with patterns that meet in the middle", "topic", [("e", "a", "*.new.#"), ("e", "b", "#.eu")], "publish_subscribe", ["a", "b"]),
    ("headers that exclude each other", "headers", [("e", "a", "", {"kind": 1}), ("e", "b", "", {"kind": 2})], "point_to_point", []),
    ("headers that a message may have both of", "headers", [("e", "a", "", {"kind": 1}), ("e", "b", "", {"paid": True})], "publish_subscribe", ["a", "b"]),
    ("a type that chooses one binding", "x-consistent-hash", [("e", "a", "1"), ("e", "b", "1")], "point_to_point", []),
    ("copies behind another exchange", "direct", [("e", "f", "x"), ("f", "a", ""), ("f", "b", "")], "publish_subscribe", ["a", "b"]),
    ("two bindings to one exchange", "direct", [("e", "d", "x"), ("e", "d", "x", {"n": 1}), ("d", "a", "p"), ("d", "b", "q")], "point_to_point", []),
    (
        "the same queue twice behind another exchange",
        "direct",
        [("e", "d", "x"), ("d", "a", "p"), ("d", "a", "p", {"n": 1}), ("d", "b", "q")],
        "point_to_point",
        [],
    ),
    ("exchanges in a circle", "fanout", [("e", "f", ""), ("f", "e", "")], "nowhere", []),
    ("nothing bound", "topic", [], "nowhere", []),
]


@every_case("case", EXCHANGES, lambda case: case[0])
def test_an_exchange_copies_messages_or_leads_each_to_one_queue(case: tuple[str, str, list[Any], str, list[str]]) -> None:
    _, kind, bindings, model, together = case
    found = exchange_pattern(Wiring(topology({"e": kind, "f": "fanout", "d": "direct"}, bindings)), "e")
    assert (found.model, list(found.together)) == (model, together)
    assert found.text and found.name


def test_the_default_exchange_leads_each_message_to_the_queue_that_its_key_names() -> None:
    assert exchange_pattern(Wiring(topology({}, [])), "").text == "Each message reaches the queue that its routing key names."


def test_of_very_many_bindings_it_is_said_that_not_all_were_compared() -> None:
    bindings = [("e", f"q{number}", f"k{number}.*") for number in range(MOST_COMPARED)]
    found = exchange_pattern(Wiring(topology({"e": "topic"}, bindings)), "e")
    assert (found.model, found.compared) == ("point_to_point", False) and "was not compared" in found.text
    assert exchange_pattern(Wiring(topology({"e": "direct"}, bindings)), "e").compared, "only bindings with one key match the same message"


def test_exchanges_that_are_all_bound_to_each_other_cost_little() -> None:
    names = [f"e{number}" for number in range(12)]
    bindings = [(one, other, f"{one} {other}") for one in names for other in names if one != other] + [("e11", "a", "a"), ("e11", "b", "b")]
    assert exchange_pattern(Wiring(topology(dict.fromkeys(names, "direct"), bindings)), "e0").compared


def test_of_a_queue_with_very_many_bindings_beside_its_own_it_is_said_that_not_all_were_compared() -> None:
    bindings = [("e", f"q{number % 2}", f"k{number}.*") for number in range(400)]
    found = queue_pattern(Wiring(topology({"e": "topic"}, bindings)), "q1", [])
    assert (found.model, found.compared) == ("point_to_point", False) and "was not compared" in found.text


def test_a_queue_is_one_of_several_subscribers_where_others_get_copies() -> None:
    wired = Wiring(topology({"orders": "topic", "all": "fanout"}, [("orders", "a", "order.*.eu"), ("orders", "b", "order.#"), ("orders", "c", "mail")]))
    assert queue_pattern(wired, "a", []).copies == {"orders": ["b"]}
    assert queue_pattern(wired, "c", []).model == "point_to_point"
    above = Wiring(topology({"in": "fanout", "next": "direct"}, [("in", "next", ""), ("next", "a", "x"), ("in", "b", "")]))
    assert queue_pattern(above, "a", []).copies == {"in": ["b"]}
    assert queue_pattern(None, "a", []).text == "No other queue gets a copy of its messages. Nobody consumes it."


@every_case("case", EXCHANGES, lambda case: case[0])
def test_where_many_are_shown_whether_there_are_copies_is_the_same(case: tuple[str, str, list[Any], str, list[str]]) -> None:
    _, kind, bindings, model, _ = case
    made = topology({"e": kind, "f": "fanout", "d": "direct"}, bindings)
    wired = Wiring(made)
    assert wired.makes_copies("e") is (model == "publish_subscribe") and wired.leads_to_a_queue("e") is (model != "nowhere")
    for queue in made.queues:
        assert wired.is_copied(queue.name) is bool(wired.copies(queue.name)[0])


def test_where_many_are_shown_very_many_bindings_are_not_compared() -> None:
    topics = [("e", f"q{number}", f"k{number}.*") for number in range(MOST_BRIEFLY + 2)]
    wired = Wiring(topology({"e": "topic"}, topics))
    assert wired.is_copied("q1") is None and wired.makes_copies("e") is None
    wired = Wiring(topology({"e": "direct"}, topics))
    assert wired.is_copied("q1") is False and wired.makes_copies("e") is False


def test_of_a_topic_exchange_keys_without_wildcards_are_compared_with_wildcards_and_their_like_alone() -> None:
    plain = [("e", f"q{number}", f"k.{number}") for number in range(MOST_COMPARED)]
    wired = Wiring(topology({"e": "topic"}, plain))
    assert wired.is_copied("q1") is False and wired.makes_copies("e") is False and wired.copies("q1") == ({}, True)
    wired = Wiring(topology({"e": "topic"}, [*plain, ("e", "one", "*.7"), ("e", "again", "k.9"), ("e", "none", "*.x.y")]))
    found = {name: wired.is_copied(name) for name in ("q7", "q8", "q9", "one", "again", "none")}
    assert found == {"q7": True, "q8": False, "q9": True, "one": True, "again": True, "none": None}
    assert wired.makes_copies("e") is True and exchange_pattern(wired, "e").model == "publish_subscribe"


def test_the_wiring_of_the_same_topology_is_made_once() -> None:
    made = topology({}, [])
    assert wiring(made) is wiring(made) and wiring(topology({}, [])) is not wiring(made)
    others = [topology({}, []) for _ in range(30)]
    assert [wiring(one) for one in others] == [wiring(one) for one in others], "as many as a map has virtual hosts"


NODES = [NodeShare("a", 2, 60, 4, 1.0), NodeShare("b", 2, 20, 4, 3.0)]
SHARING = [
    ("one consumer", [NodeShare("a")], {}, "one", ""),
    ("one node", [NodeShare("a", 3)], {}, "one", ""),
    ("one active", [NodeShare("a"), NodeShare("b")], {"single_active": True}, "single_active", ""),
    ("by priority", [NodeShare("a", priority=5), NodeShare("b")], {}, "priority", ""),
    ("a stream", [NodeShare("a"), NodeShare("b")], {"stream": True}, "stream", ""),
    ("in turn, not measured", [NodeShare("a"), NodeShare("b")], {}, "round_robin", "unknown"),
    ("in turn, fair by speed while messages wait", NODES, {"waiting": 100}, "round_robin", "fair"),
    ("in turn, uneven where nothing waits", NODES, {"waiting": 0}, "round_robin", "uneven"),
    ("in turn, too few to say", [NodeShare("a", 1, LEAST_TAKEN - 2), NodeShare("b", 1, 1)], {}, "round_robin", "unknown"),
]


@every_case("case", SHARING, lambda case: case[0])
def test_the_work_of_a_queue_is_shared_by_its_consumers(case: tuple[str, list[NodeShare], dict[str, Any], str, str]) -> None:
    _, nodes, more, sharing, fairness = case
    found = queue_pattern(None, "q", nodes, **more)
    assert (found.sharing, found.fairness) == (sharing, fairness)


def test_uneven_shares_name_the_node_and_what_was_expected() -> None:
    text = queue_pattern(None, "q", NODES, waiting=0).text
    assert text.endswith("4 consumers compete: messages go round among 2 nodes. Unevenly: a takes 75%, where in equal parts it would be 50%.")


def test_without_a_limit_of_the_prefetch_count_speed_does_not_count() -> None:
    nodes = [NodeShare("a", slots=4, seconds=1.0, unlimited=True), NodeShare("b", slots=4, seconds=3.0)]
    assert expected_shares(nodes, 100) == ([0.5, 0.5], False)
    assert expected_shares([NodeShare("a", 3), NodeShare("b", 1)], 100) == ([0.75, 0.25], False)


def consuming(hostname: str | None, channel: str, worker_id: int | None = None, prefetch: int = 0) -> Consuming:
    consumer = Consumer(vhost="/", queue="q", tag="t", connection_name=channel, channel_name=channel, peer_host="10.0.0.5", prefetch=prefetch, arguments={})
    return Consuming(worker_id, hostname, True, "", consumer, hostname is not None)


def test_what_worker_nodes_take_is_known_by_their_tasks_and_of_other_programs_by_their_channels() -> None:
    queue, workers = Queue(vhost="/", name="q", type="classic", ready=50, arguments={}), {1: Worker(pk=1, concurrency=4), 2: Worker(pk=2, concurrency=4)}
    celery = [consuming("a@web-1", "c1", 1), consuming("b@web-2", "c2", 2)]
    found = pattern_of_queue(queue, celery, None, workers, {}, {"a@web-1": Taken(75, 1.0), "b@web-2": Taken(25, 3.0)})
    assert (found.fairness, found.by_speed, [round(one.expected, 2) for one in found.shares]) == ("fair", True, [0.75, 0.25])
    others = [consuming(None, "c1", prefetch=10), consuming(None, "c2", prefetch=10)]
    rates = {name: Channel(name=name, consumers=1, deliver_per_second=rate) for name, rate in (("c1", 30.0), ("c2", 10.0))}
    assert pattern_of_queue(queue, others, None, {}, rates).fairness == "uneven"
    assert pattern_of_queue(queue, others, None, {}, {name: Channel(name=name, consumers=2, deliver_per_second=9.0) for name in rates}).fairness == "unknown"


def test_a_single_active_consumer_is_recognised_by_the_arguments_of_its_queue() -> None:
    queue = Queue(vhost="/", name="q", type="quorum", arguments={"x-single-active-consumer": True})
    assert pattern_of_queue(queue, [consuming(None, "c1"), consuming(None, "c2")], None).sharing == "single_active"
