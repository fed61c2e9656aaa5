"""In which queue a task is, from rules alone: bindings of its time, and the queues of the node that received it."""

from __future__ import annotations

import pytest

from brokers.routing.past import NOTICED_WITHIN_SECONDS, PastRouting, Route, Span, undecided
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition
from workers.receiving.consumed_queues import ConsumedQueues
from workers.task_queue import NOT_SENT, TaskQueue, resolved, stored_queue

T = 1_000_000.0
LONG = 10 * NOTICED_WITHIN_SECONDS


def past(
    *bindings: tuple[str, str, str] | Span[BindingDefinition],
    kinds: dict[str, str] | None = None,
    policies: tuple[PolicyDefinition, ...] = (),
    **alternates: str,
) -> PastRouting:
    """A part of a virtual host; bindings as (source, key, destination): a destination in `kinds` is an exchange."""
    kinds = kinds or {}
    spans = [one if isinstance(one, Span) else Span(bound(*one, kinds), 0.0) for one in bindings]
    names = sorted({span.item.destination for span in spans if span.item.destination_type == "queue"})
    exchanges = [
        Span(ExchangeDefinition(name, kind, arguments={"alternate-exchange": alternates[name]} if name in alternates else {}), 0.0)
        for name, kind in kinds.items()
    ]
    return PastRouting("/", None, 0.0, exchanges, [Span(QueueDefinition(name), 0.0) for name in names], spans, [(0.0, policies)] if policies else [])


def bound(source: str, key: str, destination: str, kinds: dict[str, str] | None = None, **arguments: object) -> BindingDefinition:
    return BindingDefinition(source, destination, "exchange" if destination in (kinds or {}) else "queue", key, arguments)


ALTERNATE = PolicyDefinition("p", "^x$", "exchanges", 0, {"alternate-exchange": "other"})
TOPIC = {"orders": "topic", "notify": "fanout"}


@pytest.mark.parametrize(
    ("found", "exchange", "key", "queues"),
    [
        (past(("orders", "order.*.us", "us"), ("orders", "order.#", "audit"), kinds=TOPIC), "orders", "order.paid.us", {"us", "audit"}),
        (past(("orders", "mail.#", "notify"), ("notify", "", "mail"), kinds=TOPIC), "orders", "mail.order.de", {"mail"}),
        (past(("jobs", "search", "search.index"), kinds={"jobs": "direct"}), "jobs", "search", {"search.index"}),
        (past(("x", "", "a"), ("other", "", "b"), kinds={"x": "direct", "other": "fanout"}, x="other"), "x", "nothing", {"b"}),
        (past(("amq.fanout", "", "a")), "amq.fanout", "whatever", {"a"}),
        (
            past(("other", "", "b"), kinds={"x": "direct", "other": "fanout"}, policies=(ALTERNATE,)),
            "x", "nothing", {"b"},
        ),
        (past(("celery_delayed_delivery", "#.mail", "mail"), kinds={"celery_delayed_delivery": "topic"}), "celery_delayed_27", "0.0.1.mail", {"mail"}),
    ],
)  # fmt: skip
def test_a_task_goes_where_the_bindings_lead_it(found: PastRouting, exchange: str, key: str, queues: set[str]) -> None:
    route = found.route(exchange, key, "a.b", T)
    assert (route.queues, route.reason, route.possible) == (queues, "", queues)


@pytest.mark.parametrize(
    ("found", "exchange", "words", "possible"),
    [
        (past(kinds={}), "nowhere", "no exchange nowhere was known then", None),
        (past(("jobs", "a", "q"), kinds={"jobs": "direct"}), "jobs", "the bindings of that time led it to no queue", set()),
        (past(("docs", "", "a"), ("docs", "", "b"), kinds={"docs": "headers"}), "docs", "", {"a", "b"}),
        (past(Span(bound("docs", "", "a", kind="x"), 0.0), ("docs", "", "b"), kinds={"docs": "headers"}), "docs", "docs routes by headers", {"a", "b"}),
        (past(("hash", "1", "a"), ("hash", "1", "b"), kinds={"hash": "x-consistent-hash"}), "hash", "hash picks one of several queues", {"a", "b"}),
        (past(("odd", "1", "a"), kinds={"odd": "x-odd"}), "odd", "odd is of type x-odd", {"a"}),
        (past(), "", "no queue k was known then", {"k"}),
    ],
)
def test_what_the_bindings_do_not_decide_is_unknown(found: PastRouting, exchange: str, words: str, possible: set[str] | None) -> None:
    route = found.route(exchange, "k", "a.b", T)
    assert route.possible == possible
    assert words in route.reason
    assert bool(route.queues) == (not words)


def test_a_headers_exchange_that_requires_the_name_of_the_task_alone_is_decided() -> None:
    spans = [Span(bound("docs", "", "mine", task="a.b"), 0.0), Span(bound("docs", "", "other", task="c.d"), 0.0)]
    assert past(*spans, kinds={"docs": "headers"}).route("docs", "", "a.b", T).queues == {"mine"}
    assert past(*spans, kinds={"docs": "headers"}).route("docs", "", None, T).queues == frozenset()


def test_the_bindings_of_the_time_decide_and_not_those_before_or_after() -> None:
    before, after = Span(bound("jobs", "k", "old"), 0.0, T), Span(bound("jobs", "k", "new"), T)
    found = past(before, after, kinds={"jobs": "direct"})
    assert found.route("jobs", "k", None, T - LONG).queues == {"old"}
    assert found.route("jobs", "k", None, T + 1).queues == {"new"}
    near = found.route("jobs", "k", None, T - 1)  # noticed at T, which may be a poll late
    assert (near.queues, near.possible) == (frozenset(), {"old", "new"})
    assert "changed at about the time" in near.reason
    assert found.route("jobs", "k", None, -1.0).reason == "the bindings of that time are not known"


def test_a_binding_that_existed_only_between_two_readings_is_ruled_out_by_neither() -> None:
    """The key may have led to `a`, as another key does, between a reading without it and one that leads to `b`."""
    found = past(("jobs", "fixed", "a"), Span(bound("jobs", "k", "b"), T), kinds={"jobs": "direct"})
    near = found.route("jobs", "k", None, T - 1)
    assert (near.queues, near.possible) == (frozenset(), {"a", "b"})
    assert resolved(near, frozenset({"a", "b"})).names == ()
    assert resolved(near, frozenset({"b", "elsewhere"})).names == ("b",)


def test_a_change_elsewhere_near_the_time_leaves_it_decided() -> None:
    found = past(("jobs", "k", "q"), Span(bound("jobs", "other", "p"), T), kinds={"jobs": "direct"})
    assert found.route("jobs", "k", None, T - 1).queues == {"q"}


def test_an_exchange_that_a_poll_saw_after_the_task_was_sent_was_there() -> None:
    found = PastRouting("/", None, 0.0, [Span(ExchangeDefinition("x", "fanout"), T)], [Span(QueueDefinition("q"), T)], [Span(bound("x", "", "q"), T)])
    assert found.route("x", "", None, T - 1).queues == {"q"}


ROUTED = Route(frozenset({"us", "audit"}), "", frozenset({"us", "audit"}))
PICKED = undecided("hash picks one of several queues", frozenset({"a", "b"}))


@pytest.mark.parametrize(
    ("route", "consumed", "names", "source"),
    [
        (ROUTED, None, ("audit", "us"), "routing"),
        (ROUTED, {"us", "eu"}, ("us",), "both"),
        (ROUTED, {"us", "audit", "x"}, ("audit", "us"), "both"),
        (ROUTED, {"eu"}, (), ""),  # it was moved, or the node was given a queue since: nothing is certain
        (ROUTED, set(), (), ""),
        (NOT_SENT, None, (), ""),
        (NOT_SENT, {"only"}, ("only",), "worker"),
        (NOT_SENT, {"one", "two"}, (), ""),
        (PICKED, None, (), ""),
        (PICKED, {"a", "c"}, ("a",), "both"),
        (PICKED, {"a", "b"}, (), ""),
        (undecided("no queue", frozenset()), {"a"}, (), ""),
    ],
)
def test_the_queues_of_the_node_that_received_it_rule_others_out(route: Route, consumed: set[str] | None, names: tuple[str, ...], source: str) -> None:
    found = resolved(route, None if consumed is None else frozenset(consumed))
    assert (found.names, found.source) == (names, source)
    assert bool(found.reason) == (not names)


@pytest.mark.parametrize("found", [TaskQueue(("a",), "both"), TaskQueue(("a", "b"), "routing"), TaskQueue(reason="nobody knows")])
def test_what_is_stored_of_it_comes_back(found: TaskQueue) -> None:
    assert stored_queue(found.only, found.several, found.source, found.reason) == found
    assert stored_queue(None, None, None, None) is None


def test_between_two_lists_that_differ_a_node_may_have_consumed_either() -> None:
    node = ConsumedQueues()
    assert node.at(T) is None
    assert node.note(frozenset("a"), T) == 0.0
    assert node.at(T - 5) == node.at(T + 5) == {"a"}
    assert node.note(frozenset("a"), T + 30) is None
    assert node.note(frozenset("b"), T + 60) == T + 30
    assert (node.at(T + 20), node.at(T + 45), node.at(T + 61)) == ({"a"}, {"a", "b"}, {"b"})


def test_a_node_that_was_started_anew_must_list_its_queues_again() -> None:
    node = ConsumedQueues()
    node.note(frozenset("a"), T)
    node.note_start(T + 10)
    assert (node.at(T + 5), node.at(T + 11)) == ({"a"}, None)
    assert node.note(frozenset("a"), T + 20) == T + 10
    assert node.at(T + 11) == {"a"}
