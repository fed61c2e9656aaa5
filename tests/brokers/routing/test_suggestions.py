"""Changes that bring a message to the expected queue: each suggestion is tested, and names the queues it would lose."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brokers.routing.bindings import Bound, Question, TopicIndex
from brokers.routing.definitions import read_binding
from brokers.routing.patched import with_binding
from brokers.routing.questions import answer
from brokers.routing.refusals import Message
from brokers.routing.route import route
from brokers.routing.values import table_from_json
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.routing.what_if.suggestions import generalized, suggestions

DEFINITIONS: dict[str, Any] = {
    "exchanges": [
        {"name": "orders", "type": "topic", "arguments": {"alternate-exchange": "lost"}},
        {"name": "direct", "type": "direct"},
        {"name": "heads", "type": "headers"},
        {"name": "lost", "type": "fanout"},
        {"name": "front", "type": "topic"},
    ],
    "queues": [{"name": "eu"}, {"name": "us"}, {"name": "vip"}, {"name": "lost"}],
    "bindings": [
        {"source": "orders", "destination": "eu", "destination_type": "queue", "routing_key": "order.*.eu"},
        {"source": "orders", "destination": "us", "destination_type": "queue", "routing_key": "order.*.us"},
        {"source": "direct", "destination": "eu", "destination_type": "queue", "routing_key": "Order.New"},
        {"source": "heads", "destination": "vip", "destination_type": "queue", "routing_key": "", "arguments": {"level": 1, "kind": "a"}},
        {"source": "lost", "destination": "lost", "destination_type": "queue", "routing_key": ""},
        {"source": "front", "destination": "orders", "destination_type": "exchange", "routing_key": "web.#"},
    ],
}


def suggested(exchange: str, key: str, expected: str, headers: dict[str, Any] | None = None) -> list[str]:
    """The sentences; each change is checked as a question's `what_if` and brings the message there."""
    message = Message(exchange, key, table_from_json(headers, "headers") if headers else None)
    found = suggestions(VirtualHostRouter.from_definitions(DEFINITIONS), message, expected)
    for one in found:
        question = {"definitions": DEFINITIONS, "exchange": exchange, "routing_key": key, "headers": headers, "what_if": [one.change]}
        assert expected in answer(question)["what_if"]["gained"]
    return [one.text for one in found]


def test_a_topic_pattern_is_widened_by_the_word_that_differs() -> None:
    assert suggested("orders", "order.new.us", "eu") == [
        "Changing binding `order.*.eu` to `order.*.*` would also deliver to `eu`.",
        "Adding a binding from `orders` with the key `order.new.us` would also deliver to `eu`.",
    ]


def test_a_word_too_many_is_taken_by_a_hash() -> None:
    assert suggested("orders", "order.new.big.eu", "eu")[0] == "Changing binding `order.*.eu` to `order.*.#.eu` would deliver to `eu`, but no longer to `lost`."


def test_a_direct_key_is_written_as_the_message_has_it() -> None:
    assert suggested("direct", "order.new", "eu")[0] == "Changing binding `Order.New` to `order.new` would deliver to `eu`."


def test_a_header_is_written_in_the_type_that_the_message_has() -> None:
    [first, second] = suggested("heads", "", "vip", {"level": "1", "kind": "a"})
    assert first == 'Changing binding `{"level": 1, "kind": "a"}` to `{"level": "1", "kind": "a"}` would deliver to `vip`.'
    assert second == 'Adding a binding from `heads` with `{"x-match": "all", "level": "1", "kind": "a"}` would deliver to `vip`.'


def test_a_header_that_the_message_lacks_is_left_out() -> None:
    assert suggested("heads", "", "vip", {"kind": "a"})[0] == 'Changing binding `{"level": 1, "kind": "a"}` to `{"kind": "a"}` would deliver to `vip`.'


def test_no_binding_is_suggested_that_would_compare_nothing() -> None:
    assert suggested("heads", "", "vip", {"x-other": 1}) == []


def test_a_near_binding_to_an_exchange_counts_where_it_leads_there() -> None:
    assert suggested("front", "app.order.new.eu", "vip") == ["Adding a binding from `front` with the key `app.order.new.eu` would deliver to `vip`."]
    assert suggested("front", "order.new.eu", "eu")[0] == "Changing binding `web.#` to `*.#` would deliver to `eu`."


def test_a_fanout_needs_no_key() -> None:
    assert suggested("lost", "any", "eu") == ["Adding a binding from `lost` would also deliver to `eu`."]


def test_nothing_is_suggested_where_nothing_can_be() -> None:
    assert suggested("orders", "order.new.eu", "eu") == []  # it arrives already
    assert suggested("orders", "order.new.us", "nowhere") == []  # there is no such queue
    assert suggested("nowhere", "a", "eu") == []  # the message is refused
    assert suggested("", "a", "eu") == []  # nobody can bind to the default exchange


def test_of_very_many_the_two_nearest_and_one_more_binding_are_shown() -> None:
    bindings = [{**DEFINITIONS["bindings"][0], "routing_key": f"order.{number}.eu"} for number in range(500)]
    router = VirtualHostRouter.from_definitions({**DEFINITIONS, "bindings": bindings})
    first, _, last = suggestions(router, Message("orders", "order.7.us"), "eu")
    assert first.text == "Changing binding `order.7.eu` to `order.7.*` would deliver to `eu`."
    assert last.text == "Adding a binding from `orders` with the key `order.7.us` would deliver to `eu`."


patterns = st.lists(st.sampled_from(["a", "b", "*", "#", ""]), max_size=5).map(".".join)
keys = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=5).map(".".join)


def takes(pattern: str, key: str) -> bool:
    return bool(TopicIndex([Bound("", "", "queue", pattern)]).matching(Question([key], {}, {})))


@given(patterns, keys, st.lists(keys, max_size=20))
def test_a_widened_pattern_takes_the_key_and_all_that_it_took_before(pattern: str, key: str, others: list[str]) -> None:
    wider = generalized(pattern, key)
    assert wider is not None
    assert takes(wider, key)
    assert all(takes(wider, other) for other in others if takes(pattern, other))


routes = st.tuples(st.sampled_from(["orders", "direct", "lost", "front"]), st.sampled_from(["eu", "us", "vip"]), patterns)


@given(st.lists(routes, min_size=1, max_size=6, unique=True), st.integers(0, 5), patterns, keys, st.booleans())
def test_a_binding_tried_in_passing_routes_as_one_that_is_there(bound: list[tuple[str, str, str]], place: int, pattern: str, key: str, added: bool) -> None:
    rows = [{"source": source, "destination": queue, "destination_type": "queue", "routing_key": one} for source, queue, one in bound]
    router = VirtualHostRouter.from_definitions({**DEFINITIONS, "bindings": rows})
    place %= len(rows)
    new = {**rows[place], "routing_key": pattern}
    number = sum(row["source"] == new["source"] for row in rows[:place])
    written = [*rows, new] if added else [*rows[:place], new, *rows[place + 1 :]]
    tried = with_binding(router, read_binding(new, "new"), None if added else number)
    message = Message(new["source"], key)
    assert route(tried, message).queues == route(VirtualHostRouter.from_definitions({**DEFINITIONS, "bindings": written}), message).queues
