"""The words of verdicts: each names what decided."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from typing import Any

import pytest

from brokers import routing
from brokers.routing.questions import answer


def explained(
    kind: str, bindings: list[tuple[str, str] | tuple[str, str, dict[str, Any]]], key: str = "", headers: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """An exchange x of that type with (queue, key, arguments) bound to it, with a question about one message."""
    rows = [
        {"source": "x", "destination": queue, "destination_type": "queue", "routing_key": bound, "arguments": rest[0] if rest else {}}
        for queue, bound, *rest in bindings
    ]
    definitions = {
        "exchanges": [{"name": "x", "type": kind}],
        "queues": [{"name": name} for name in sorted({row["destination"] for row in rows})],
        "bindings": rows,
    }
    return answer({"definitions": definitions, "exchange": "x", "routing_key": key, "headers": headers, **more})


def only(found: dict[str, Any]) -> dict[str, Any]:
    assert len(found["steps"][0]["bindings"]) == 1
    return found["steps"][0]["bindings"][0]


def test_the_third_word_is_named_and_the_miss_is_near() -> None:
    binding = only(explained("topic", [("eu", "order.*.eu")], "order.new.us"))
    assert (binding["near"], binding["matched"], binding["why"]) == (True, False, "third word is `us`, wanted `eu`")


@pytest.mark.parametrize(
    ("pattern", "key", "why"),
    [
        ("order.new", "Order.new", "first word is `Order`, wanted `order` (only upper and lower case differ)"),
        ("order.new", "Order.New", "the key is `Order.New`, wanted `order.new`: only upper and lower case differ"),
        ("order.new", "order.new ", "second word is `new `, wanted `new` (only whitespace differs)"),
        ("order.new", "order.new.", "third word `` is one too many"),
        ("order.*", "order.new.us", "third word `us` is one too many"),
        ("order.*.*", "order.new", "a third word is missing, wanted any word"),
        ("#.news", "order.new", "second word is `new`, wanted `news`"),
        ("#.order.eu", "order.us", "second word is `us`, wanted `eu`"),
        ("stock.#", "stok.sent", "first word is `stok`, wanted `stock`"),
        ("order-new", "order.new", "first word is `order`, wanted `order-new`; second word `new` is one too many"),
    ],
)
def test_near_topics_show_by_what_they_miss(pattern: str, key: str, why: str) -> None:
    binding = only(explained("topic", [("q", pattern)], key))
    assert binding["near"]
    if pattern != "order-new":
        assert binding["why"] == why
    else:
        assert "only the separators between words differ" in binding["why"]


@pytest.mark.parametrize(
    ("kind", "bound", "key"),
    [
        ("topic", "stock", "mail"),  # the one word of the key would have to be another
        ("topic", "stock.#", "mail.sent"),  # a wildcard takes anything: it is nothing in common
        ("topic", "stock.*", "mail"),
        ("topic", "*.stock", "mail.sent"),
        ("topic", "order.stock.eu", "order.mail.us"),  # two words
        ("direct", "stock", "mail"),
        ("direct", "order.new.eu", "order.new.us"),  # two characters
    ],
)
def test_bindings_with_nothing_in_common_or_more_than_one_change_away_are_no_near_misses(kind: str, bound: str, key: str) -> None:
    step = explained(kind, [("q", bound)], key)["steps"][0]
    assert (step["bindings"], sum(other["count"] for other in step["others"])) == ([], 1)


@pytest.mark.parametrize("pattern", [{"v": 1}, {"v": 1, "w": 2}, {"x-match": "any", "v": 1}])
def test_headers_bindings_that_need_other_headers_are_no_near_misses(pattern: dict[str, Any]) -> None:
    step = explained("headers", [("q", "", pattern)], headers={"u": 1})["steps"][0]
    assert (step["bindings"], sum(other["count"] for other in step["others"])) == ([], 1)


@pytest.mark.parametrize(
    ("bound", "key", "why"),
    [
        ("order.new", "Order.new", "the key is `Order.new`, wanted `order.new`: only upper and lower case differ"),
        ("order.new", "order.new ", "the key is `order.new `, wanted `order.new`: only whitespace differs"),
        ("order.new", "order.new.", "the key is `order.new.`, wanted `order.new`: only a dot at the end differs"),
        ("order.new", "order_new", "the key is `order_new`, wanted `order.new`: only the separators between words differ"),
        ("order.new", "order.knew", "the key is `order.knew`, wanted `order.new`: one character differs"),
        ("order.*", "order.new", "the key is `order.new`, wanted exactly `order.*`; `*` and `#` are ordinary characters in a direct exchange"),
    ],
)
def test_near_direct_keys_show_by_what_they_miss(bound: str, key: str, why: str) -> None:
    binding = only(explained("direct", [("q", bound)], key))
    assert (binding["near"], binding["why"]) == (True, why)


@pytest.mark.parametrize(
    ("pattern", "headers", "near", "why"),
    [
        ({"v": 10}, {"v": "10"}, True, 'header v is "10" (text), wanted 10 (integer): RabbitMQ never converts between types'),
        ({"v": True}, {"v": "true"}, True, 'header v is "true" (text), wanted true (a truth value): RabbitMQ never converts between types'),
        ({"v": "pdf"}, {"v": "PDF"}, True, 'header v is "PDF" (text), wanted "pdf" (text): only upper and lower case differ'),
        (
            {"v": "pdf"},
            {"V": "pdf"},
            True,
            'header v is missing, wanted "pdf" (text): there is V, and names are compared exactly (only upper and lower case differ)',
        ),
        ({"v": "pdf", "w": 1}, {"w": 1}, True, 'header v is missing, wanted "pdf" (text)'),
    ],
)
def test_headers_bindings_name_the_deciding_header(pattern: dict[str, Any], headers: dict[str, Any], near: bool, why: str) -> None:
    binding = only(explained("headers", [("q", "", pattern)], headers=headers))
    assert (binding["near"], binding["why"]) == (near, why)


def test_an_integer_is_a_double_only_before_4_0() -> None:
    old, new = (explained("headers", [("q", "", {"v": 1})], headers={"v": 1.0}, broker_version=version) for version in ("3.10.8", "4.0.5"))
    assert (old["queues"], new["queues"]) == (["q"], [])
    assert "since 4.0 an integer does not equal" in only(new)["why"]


def test_an_exported_void_is_read_as_any_value_and_that_is_noted() -> None:
    found = explained("headers", [("q", "", {"v": "undefined"})], headers={"v": 7})
    assert found["queues"] == ["q"]
    assert "read as void" in only(found)["why"]


@pytest.mark.parametrize(
    ("bound", "exact"),
    [(5, ["long", 5]), (5, ["timestamp", 5]), ("a", ["binary", "a"]), ("a", ["longstr", "a"]), ("undefined", ["void", None]), (2.314, ["decimal", [2, 314]])],
)
def test_exact_types_of_a_message_against_those_that_an_export_has_lost(bound: Any, exact: list[Any]) -> None:
    found = explained("headers", [("q", "", {"v": {"t": bound}})], headers_amqp={"v": ["table", {"t": exact}]})
    assert not found["certain"]


@pytest.mark.parametrize("wanted", [{"t": 5}, [5], {"t": {"u": 1.5}}])
def test_types_inside_tables_that_json_lost_are_uncertain(wanted: Any) -> None:
    found = explained("headers", [("q", "", {"v": wanted})], headers={"v": wanted})
    assert found["queues"] == ["q"]
    assert not found["certain"]
    assert "AMQP types" in found["reason"]


def test_texts_inside_tables_are_certain_and_so_are_other_values() -> None:
    assert explained("headers", [("q", "", {"v": {"t": "a"}})], headers={"v": {"t": "a"}})["certain"]
    assert explained("headers", [("q", "", {"v": {"t": 5}})], headers={"v": {"t": 6}})["certain"]


def test_the_nearest_twenty_are_listed_and_the_others_counted() -> None:
    found = explained("topic", [(f"q{number}", f"order.{number}.eu") for number in range(50)] + [("far", "stock")], "order.x.eu")
    step = found["steps"][0]
    assert len(step["bindings"]) == 20
    assert all(binding["near"] for binding in step["bindings"])
    assert {other["why"]: other["count"] for other in step["others"]} == {"the second word differs": 30, "the first word differs": 1}


def test_every_binding_has_a_verdict_when_all_are_requested() -> None:
    for kind in ("topic", "direct", "headers", "fanout"):
        found = explained(kind, [("a", "k"), ("b", "other"), ("c", "K", {"v": 1})], "k", verdicts="all")
        assert len(found["steps"][0]["bindings"]) == 3
        assert not found["steps"][0]["others"]


def test_a_near_name_of_a_queue_is_listed_at_the_default_exchange() -> None:
    found = answer({"definitions": {"queues": [{"name": "celery"}, {"name": "mail"}]}, "exchange": "", "routing_key": "Celery"})
    assert found["outcome"] == "unroutable"
    assert only(found)["destination"] == "celery"
    assert "only upper and lower case differ" in found["text"]


def test_one_of_an_unknown_type_is_not_guessed() -> None:
    found = explained("x-delayed-message", [("q", "k")], "k")
    assert (found["queues"], found["certain"]) == ([], False)
    assert "x-delayed-message" in found["text"]


def test_the_picks_of_two_exchanges_are_combined() -> None:
    definitions = {
        "exchanges": [{"name": "f", "type": "fanout"}, {"name": "r", "type": "x-random"}, {"name": "s", "type": "x-random"}],
        "queues": [{"name": name} for name in "abcd"],
        "bindings": [{"source": "f", "destination": name, "destination_type": "exchange", "routing_key": ""} for name in "rs"]
        + [{"source": source, "destination": name, "destination_type": "queue", "routing_key": ""} for source, name in ("ra", "rb", "sc", "sd")],
    }
    found = answer({"definitions": definitions, "exchange": "f", "routing_key": ""})
    assert found["one_of"] == [["a", "c"], ["a", "d"], ["b", "c"], ["b", "d"]]
    assert (found["queues"], found["certain"]) == (["a", "b", "c", "d"], False)


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(routing.__path__)])
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"brokers.routing.{name}")).failed == 0


def test_a_type_that_picks_by_node_names_what_is_not_known() -> None:
    found = explained("x-local-random", [("a", ""), ("b", "")])
    assert found["one_of"] == [[], ["a"], ["b"]]
    assert "publisher's node" in found["reason"]
