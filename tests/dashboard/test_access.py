from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.scope import EVERYTHING, NOTHING, Place, Scope, matches
from dashboard.people.access import ACTION_TEXTS, ACTIONS, ALL_RIGHTS, NO_RIGHTS, ROLES, Grant, Rights, may, scope_of

SHOP = Place(vhost=("/shop",))
ORDERS = Place(broker=("prod",), vhost=("/shop",), queue=("orders.*",))
PLACES = st.builds(Place, *[st.lists(st.sampled_from(["prod", "/shop", "orders.*", "*", "o?ders.eu", "[x]*"]), max_size=2).map(tuple)] * 3)
NAMES = st.sampled_from(["prod", "/shop", "orders.eu", "orders", "[x]y", "x", ""])


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("orders.*", "orders.", True),
        ("orders.*", "orders", False),
        ("*", "", True),
        ("?", "", False),
        ("a[b]c", "a[b]c", True),
        ("a[b]c", "abc", False),
        ("A", "a", False),
        ("*a*a*a*a*a*a*a*a*a*b", "a" * 5000, False),
        ("a.c", "abc", False),
        ("a\nb*", "a\nb", True),
    ],
)
def test_a_pattern_knows_stars_and_question_marks_only(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@pytest.mark.parametrize(
    ("place", "wanted", "covered", "touched"),
    [
        (Place(), (None, None, None), True, True),
        (SHOP, ("prod", "/shop", None), True, True),
        (SHOP, ("prod", None, None), False, True),
        (SHOP, ("prod", "/other", None), False, False),
        (ORDERS, ("prod", "/shop", "orders.eu"), True, True),
        (ORDERS, ("prod", "/shop", None), False, True),
        (ORDERS, ("prod", "/shop", "mail"), False, False),
        (ORDERS, ("stage", "/shop", "orders.eu"), False, False),
        (Place(vhost=("*",)), ("prod", None, None), True, True),
    ],
)
def test_a_place_covers_what_is_wholly_in_it_and_touches_parts(place: Place, wanted: tuple[str | None, ...], covered: bool, touched: bool) -> None:
    assert (place.covers(*wanted), place.touches(*wanted)) == (covered, touched)


@given(PLACES, PLACES, NAMES, NAMES, NAMES)
def test_within_another_place_is_what_both_cover(one: Place, other: Place, broker: str, vhost: str, queue: str) -> None:
    assert one.within(other).covers(broker, vhost, queue) == (one.covers(broker, vhost, queue) and other.covers(broker, vhost, queue))


def test_grants_add_up_but_are_not_mixed() -> None:
    rights = Rights((Grant(ROLES["viewer"]), Grant(ROLES["operator"], ORDERS)))
    assert rights.may("view")
    assert rights.may("peek", "prod", "/shop", "orders.eu")
    assert not rights.may("peek", "prod", "/shop", "mail")
    assert not rights.may("peek", "prod", "/shop")
    assert rights.scope("view") == Scope(None, (ORDERS,))
    assert Rights((Grant(ROLES["operator"]),)).scope("view") == EVERYTHING
    assert rights.scope("peek") == Scope((ORDERS,))
    assert rights.scope("audit") == NOTHING


def test_a_token_never_may_more_than_its_person_nor_than_it_was_made_for() -> None:
    rights = Rights((Grant(ROLES["operator"], ORDERS),))
    limited = rights.limited(frozenset({"view", "people"}), Place(queue=("*.eu",)))
    assert limited.may("view", "prod", "/shop", "orders.eu")
    assert not limited.may("view", "prod", "/shop", "orders.us")
    assert not limited.may("peek", "prod", "/shop", "orders.eu")
    assert not limited.may_somewhere("people")


def test_who_is_unknown_may_nothing_and_an_admin_everything() -> None:
    assert all(ALL_RIGHTS.may(action) for action in ACTIONS)
    assert not any(NO_RIGHTS.may_somewhere(action) for action in ACTIONS)
    assert not may(None, "view")
    assert scope_of(None) == NOTHING


def test_the_roles_are_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "people.md").read_text(encoding="utf-8")
    for action in ACTIONS:
        allowed = " | ".join("yes" if action in ROLES[role] else "–" for role in ("viewer", "operator", "admin"))
        assert f"| `{action}`: {ACTION_TEXTS[action]} | {allowed} |" in documented
