"""From which queue a task in a worker's memory came."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.held_routes import NOTHING_HELD, Held, held, queue_of

MAIL: dict[str, Any] = {"name": "mail", "exchange": "mail", "exchange_type": "direct", "routing_key": "mail"}
ORDERS: dict[str, Any] = {"name": "orders", "exchange": "shop", "exchange_type": "topic", "routing_key": "order.#"}
RETURNS: dict[str, Any] = {"name": "returns", "exchange": "shop", "exchange_type": "topic", "routing_key": "return.#"}
DELAYED = "0." * 27 + "1."


@pytest.mark.parametrize(
    ("exchange", "key", "queues", "found"),
    [
        ("", "mail", [], None),
        ("", "mail", [MAIL, ORDERS], "mail"),
        ("", "elsewhere", [MAIL, ORDERS], None),
        ("", "elsewhere", [MAIL], "mail"),  # it consumes nothing else
        ("mail", "mail", [MAIL, ORDERS], "mail"),
        ("shop", "order.new", [MAIL, ORDERS], "orders"),
        ("shop", "order.#", [ORDERS, RETURNS], "orders"),
        ("shop", "order.new", [ORDERS, RETURNS], None),  # the patterns are the broker's to match
        ("celery_delayed_delivery", DELAYED + "mail", [MAIL, ORDERS], "mail"),
        ("celery_delayed_delivery", DELAYED + "order.#", [MAIL, ORDERS], "orders"),
        ("celery_delayed_delivery", DELAYED + "none", [MAIL, ORDERS], None),
        ("ünï", "kéy", [{"name": "ü", "exchange": "ünï", "routing_key": "kéy"}, MAIL], "ü"),
    ],
)
def test_the_queue_is_named_only_where_one_fits(exchange: str, key: str, queues: list[dict[str, Any]], found: str | None) -> None:
    assert queue_of(exchange, key, queues) == found


def test_an_unknown_number_stays_unknown_and_none_is_none() -> None:
    assert held(None, [["", "mail", 2]], [MAIL]) is None
    assert held(0, [], [MAIL, ORDERS]) == NOTHING_HELD


def test_of_a_worker_that_reports_no_routes_and_consumes_one_queue_all_came_from_there() -> None:
    assert held(5, None, [MAIL]) == Held({"mail": 5}, 0)
    assert held(5, None, [MAIL, ORDERS]) == Held({}, 5)


def test_where_nodes_declare_patterns_the_bindings_of_the_broker_decide() -> None:
    routes = [["shop", "order.new", 2], ["shop", "both", 1], ["shop", "elsewhere", 4]]
    led_to = {"order.new": frozenset({"orders", "audit"}), "both": frozenset({"orders", "returns"})}
    found = held(7, routes, [ORDERS, RETURNS], lambda exchange, key: led_to.get(key, frozenset()))
    assert found == Held({"orders": 2}, 5)


@given(
    st.lists(st.tuples(st.sampled_from(["", "shop", "x"]), st.sampled_from(["mail", "order.#", "y"]), st.integers(1, 9)), max_size=6),
    st.integers(0, 9),
)
def test_no_task_is_lost_or_counted_twice(routes: list[tuple[str, str, int]], more: int) -> None:
    total = sum(count for _, _, count in routes) + more
    found = held(total, routes, [MAIL, ORDERS])
    assert found is not None
    assert sum(found.by_queue.values()) + found.unplaced == total
