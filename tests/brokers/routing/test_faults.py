"""Bindings without effect, exchanges without a way out, and dead letters that lead nowhere or go round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brokers.routing.binding_faults import binding_faults, covers
from brokers.routing.dead_ends import Loop, alternates_to_nowhere, dead_letter_loops, dead_letters_to_nowhere, without_way_out
from brokers.routing.trie import TrieNode, grow, walk
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from tests.every_case import every_case
from workers.demo import shop


def router(
    exchanges: dict[str, str | dict[str, Any]], bindings: list[tuple[Any, ...]], queues: dict[str, dict[str, Any]], policies: Any = ()
) -> VirtualHostRouter:
    """Bindings: (source, destination, key, arguments); a destination that is an exchange is one."""
    made = tuple(
        ExchangeDefinition(name, kind) if isinstance(kind, str) else ExchangeDefinition(name, "fanout", arguments=kind) for name, kind in exchanges.items()
    )
    bound = tuple(
        BindingDefinition(source, to, "exchange" if to in exchanges else "queue", key, *more)
        for source, to, key, *more in sorted(bindings, key=lambda one: one[:3])
    )
    return VirtualHostRouter.from_topology(
        Topology("/", made, tuple(QueueDefinition(name, "classic", arguments=arguments) for name, arguments in queues.items()), bound, tuple(policies))
    )


HEADERS: dict[str, Any] = {"x-match": "all", "kind": "a"}
BINDINGS = [
    ("topic", [("e", "q", "order.*"), ("e", "q", "mail.#")], []),
    ("topic", [("e", "q", "order.#"), ("e", "q", "order.new.eu")], [("order.new.eu", "shadowed", "order.#")]),
    ("topic", [("e", "q", "order.#"), ("e", "q", "order.*")], [("order.*", "shadowed", "order.#")]),
    ("topic", [("e", "q", "#"), ("e", "q", "")], [("", "shadowed", "#")]),
    ("topic", [("e", "q", "order.#"), ("e", "other", "order.new")], []),
    ("topic", [("e", "q", "#"), ("e", "q", "#.#")], [("#.#", "shadowed", "#")]),
    ("topic", [("e", "q", "order.new*")], [("order.new*", "literal", None)]),
    ("topic", [("e", "q", "a", {}), ("e", "q", "a", {"n": 1})], [("a", "duplicate", "a")]),
    ("direct", [("e", "q", "order.*")], [("order.*", "literal", None)]),
    ("direct", [("e", "q", "a"), ("e", "q", "b")], []),
    ("fanout", [("e", "q", "a"), ("e", "q", "b")], [("b", "duplicate", "a")]),
    ("fanout", [("e", "q", "order.*")], []),
    ("headers", [("e", "q", "", {"x-match": "any"})], [("", "impossible", None)]),
    ("headers", [("e", "q", "", {"x-match": "any", "x-kind": "a"})], [("", "impossible", None)]),
    ("headers", [("e", "q", "", {"x-match": "all"})], []),
    ("headers", [("e", "q", "1", HEADERS), ("e", "q", "2", HEADERS)], [("2", "duplicate", "1")]),
    ("headers", [("e", "q", "1", HEADERS), ("e", "q", "2", {**HEADERS, "paid": True})], [("2", "shadowed", "1")]),
    ("headers", [("e", "q", "1", {**HEADERS, "x-match": "any"}), ("e", "q", "2", {**HEADERS, "paid": True})], [("2", "shadowed", "1")]),
    ("headers", [("e", "q", "1", HEADERS), ("e", "q", "2", {"x-match": "all", "kind": "b"})], []),
    ("x-random", [("e", "q", "a"), ("e", "q", "b")], []),
]


@every_case("case", BINDINGS, lambda case: f"{case[0]} {case[1]}")
def test_a_binding_without_effect_is_found_with_the_one_that_makes_it_so(case: tuple[str, list[Any], list[Any]]) -> None:
    kind, bindings, expected = case
    found = binding_faults(router({"e": kind}, bindings, {"q": {}, "other": {}}).exchanges["e"])
    assert [(one.binding.routing_key, one.what, one.by and one.by.routing_key) for one in found] == expected


KEY = st.lists(st.sampled_from(["a", "b", ""]), max_size=5)
PATTERN = st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=4)


@given(PATTERN, PATTERN, KEY)
def test_what_a_pattern_covers_it_matches(wider: list[str], narrower: list[str], key: list[str]) -> None:
    def matches(pattern: list[str]) -> bool:
        root, found = TrieNode(), set[str]()
        grow(root, pattern, "x")
        walk(root, key, found)
        return bool(found)

    assert covers(wider, wider)
    assert not (covers(wider, narrower) and matches(narrower) and not matches(wider))


def test_many_bindings_of_one_exchange_cost_little() -> None:
    bindings = [("e", f"q{number % 100}", f"order.{number}.eu") for number in range(10_000)] + [("e", "q7", "order.#")]
    found = binding_faults(router({"e": "topic"}, bindings, {f"q{number}": {} for number in range(100)}).exchanges["e"])
    assert len(found) == 100 and {one.by.routing_key for one in found if one.by} == {"order.#"}


def test_an_exchange_has_a_way_out_over_others_and_alternates() -> None:
    made = router(
        {"in": "topic", "middle": "fanout", "round": "fanout", "about": "fanout", "kept": {"alternate-exchange": "middle"}, "lost": "fanout"},
        [("in", "middle", "#"), ("middle", "q", ""), ("round", "about", ""), ("about", "round", "")],
        {"q": {}},
    )
    assert {name for name in without_way_out(made) if not name.startswith("amq.")} == {"round", "about", "lost"}


def test_an_alternate_that_is_missing_or_a_dead_end_leads_nowhere() -> None:
    made = router({"a": {"alternate-exchange": "gone"}, "b": {"alternate-exchange": "end"}, "end": "fanout"}, [("a", "q", ""), ("b", "q", "")], {"q": {}})
    assert [(one.name, one.target, one.missing) for one in alternates_to_nowhere(made, without_way_out(made))] == [("a", "gone", True), ("b", "end", False)]


def dlx(exchange: str, key: str | None = None, **more: Any) -> dict[str, Any]:
    return {"x-dead-letter-exchange": exchange, **({} if key is None else {"x-dead-letter-routing-key": key}), **more}


def test_dead_letters_are_dropped_where_no_queue_takes_them() -> None:
    queues = {
        "missing": dlx("gone"),
        "end": dlx("empty"),
        "no key": dlx("dead", "x"),
        "kept": dlx("dead", "q"),
        "maybe": dlx("dead"),
        "nobody": dlx("", "none"),
    }
    made = router({"dead": "direct", "empty": "fanout"}, [("dead", "q", "q")], {**queues, "q": {}})
    found = dead_letters_to_nowhere(made, without_way_out(made))
    assert [(one.name, one.missing) for one in found] == [("end", False), ("missing", True), ("no key", False), ("nobody", False)]


LOOPS = [
    ("to itself by rejections", {"a": dlx("", "a")}, [Loop(("a",), "rejected")]),
    ("to itself by expiry", {"a": dlx("", "a", **{"x-message-ttl": 1})}, [Loop(("a",), "expires")]),
    ("a retry with a delay is none", {"work": dlx("", "retry"), "retry": dlx("", "work", **{"x-message-ttl": 1000})}, []),
    ("two without a delay", {"b": dlx("", "a"), "a": dlx("", "b")}, [Loop(("a", "b"), "rejected")]),
    ("by a fanout", {"a": dlx("all")}, [Loop(("a",), "rejected")]),
    ("not known, as each message has its own key", {"a": dlx("keyed")}, []),
    ("a way in and a loop behind it", {"in": dlx("", "a"), "a": dlx("", "a")}, [Loop(("a",), "rejected")]),
]


@every_case("case", LOOPS, lambda case: case[0])
def test_dead_letters_that_go_round_without_a_delay_or_a_consumer_are_a_loop(case: tuple[str, dict[str, Any], list[Loop]]) -> None:
    _, queues, expected = case
    assert dead_letter_loops(router({"all": "fanout", "keyed": "direct"}, [("all", "a", ""), ("keyed", "a", "a")], queues)) == expected


def test_a_policy_counts_as_an_argument_does() -> None:
    policy = PolicyDefinition("dead", ".*", "queues", 0, {"dead-letter-exchange": "gone"})
    assert [one.name for one in dead_letters_to_nowhere(router({}, [], {"q": {}}, [policy]), ())] == ["q"]


def test_the_healthy_shop_of_the_demo_has_nothing_but_its_old_exchange_that_nobody_uses() -> None:
    for vhost in ("/", "/shop"):
        made = VirtualHostRouter.from_definitions(json.loads(Path(shop.__file__).with_name("definitions.json").read_text()), "3.10.8", vhost)
        dead = {name for name in without_way_out(made) if not name.startswith("amq.")}
        assert dead == ({"shop.legacy"} if vhost == "/shop" else set())
        assert [fault for exchange in made.exchanges.values() for fault in binding_faults(exchange)] == []
        assert [*alternates_to_nowhere(made, dead), *dead_letters_to_nowhere(made, dead), *dead_letter_loops(made)] == []
