"""Routes that nearly fit a task's name are listed for a task that went to the default queue; others are not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.destinations.near_routes import MOST_NEAR, near_routes
from workers.explain_task import explain


@pytest.mark.parametrize(
    ("entry", "name", "why"),
    [
        ("shop.Pay", "shop.pay", "only upper and lower case differ"),
        ("Shop.*", "shop.pay", "only upper and lower case differ"),
        ("shop.pay ", "shop.pay", "only whitespace differs"),
        ("shop.* ", "shop.pay", "only whitespace differs"),
        ("shop_pay", "shop.pay", "only the separators between words differ"),
        ("shop.pya", "shop.paya", "one character differs"),
        ("tasks.pay", "shop.tasks.pay", "the task's name begins with 'shop' before that, and a route must fit the whole name"),
        ("tasks.*", "shop.tasks.pay", "the task's name begins with 'shop' before that, and a route must fit the whole name"),
        ("proj.shop.*", "shop.pay", "the task's name does not begin with 'proj'"),
        ("proj.shop.pay", "shop.pay", "the task's name does not begin with 'proj'"),
    ],
)
def test_what_is_mistyped_is_named(entry: str, name: str, why: str) -> None:
    assert [near.why for near in near_routes([entry], name)] == [why]


@pytest.mark.parametrize("entry", ["mail.*", "", "*.*.*.mail", "shop.mail", "video.encode", ".", "x.*"])
def test_what_has_nothing_to_do_with_it_is_not(entry: str) -> None:
    assert near_routes([entry], "shop.pay") == []


def test_the_nearest_come_first_and_few_of_them() -> None:
    found = near_routes(["proj.shop.*", "Shop.*", "pay", "shop.pays", "SHOP.pay"], "shop.pay")
    assert [near.entry for near in found] == ["Shop.*", "SHOP.pay", "shop.pays"]
    assert len(found) == MOST_NEAR


@given(st.lists(st.text("ab.*", max_size=8)), st.text("ab.", min_size=1, max_size=8))
def test_whatever_the_routes_are_it_ends(entries: list[str], name: str) -> None:
    assert len(near_routes(entries, name)) <= MOST_NEAR


def answer_of(routes: Any, **rest: Any) -> list[str]:
    found = explain({"conf": {"task_routes": routes}, "task": {"name": "shop.pay"}, **rest})
    return [step["why"] for step in found["steps"] if step["key"] == "task_routes" and step["layer"] == "router"]


def test_a_near_route_is_listed_where_nothing_else_names_a_queue() -> None:
    assert answer_of({"Shop.*": {"queue": "q"}}) == ["The route 'Shop.*' nearly fits the task's name, but does not: only upper and lower case differ."]
    assert answer_of([{"other": "q"}, [["Shop.*", "q"]]])
    assert answer_of({"Shop.*": {"queue": "q"}}, options={"queue": "mail"}) == []
    assert answer_of([{"Shop.*": {"queue": "q"}}, {"shop.*": {"queue": "q"}}]) == []
