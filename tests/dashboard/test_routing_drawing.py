"""What is drawn of a path, and where: never more boxes than fit, no overlaps, near misses distinct from reached queues."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from brokers.routing.answer import ConsumingWorker, Explanation
from dashboard.layout.cells import shortened
from dashboard.why.drawing.layout import BOX_HEIGHT, BOX_WIDTH, SAYS_CELLS, Drawing, drawing_text, drawn
from dashboard.why.drawing.path import MOST_BOXES, DrawnPath, drawn_path
from dashboard.why.story.message import story
from tests.dashboard.explained import explained as explained_in

EXCHANGES: list[dict[str, Any]] = [
    {"name": "orders", "type": "topic", "arguments": {"alternate-exchange": "unrouted"}},
    {"name": "notify", "type": "fanout"},
    {"name": "unrouted", "type": "fanout"},
    {"name": "copies", "type": "fanout"},
    {"name": "hash", "type": "x-consistent-hash"},
    {"name": "own", "type": "x-of-our-own"},
]


def bound(source: str, destination: str, key: str = "", kind: str = "queue") -> dict[str, Any]:
    return {"source": source, "destination": destination, "destination_type": kind, "routing_key": key, "arguments": {}}


def explained(exchange: str, key: str, bindings: list[dict[str, Any]], **question: Any) -> Explanation:
    queues = {one["destination"] for one in bindings if one["destination_type"] == "queue"} | {"mail"}
    definitions = {"exchanges": EXCHANGES, "queues": [{"name": name} for name in sorted(queues)], "bindings": bindings}
    return explained_in(definitions, exchange, key, **question)


ORDERS = [
    bound("orders", "us", "order.*.us"),
    bound("orders", "eu", "order.*.eu"),
    bound("orders", "notify", "order.new.*", "exchange"),
    bound("notify", "mail"),
    bound("unrouted", "lost"),
]


def taken(explanation: Explanation, expected: str = "") -> DrawnPath:
    found = drawn_path(explanation, expected)
    assert found is not None
    return found


def arrows(explanation: Explanation, expected: str = "") -> dict[tuple[str, str], str]:
    return {(arrow.source, arrow.target): arrow.kind for arrow in taken(explanation, expected).arrows}


def test_the_path_leads_from_the_message_by_its_exchanges_to_queues_and_near_misses() -> None:
    assert arrows(explained("orders", "order.new.us", ORDERS)) == {
        ("message", "exchange orders"): "way",
        ("exchange orders", "queue us"): "way",
        ("exchange orders", "exchange notify"): "way",
        ("exchange notify", "queue mail"): "way",
        ("exchange orders", "queue eu"): "near",
    }


def test_an_expected_queue_without_any_binding_stands_there_without_an_arrow() -> None:
    explanation = explained("orders", "order.new.us", ORDERS)
    boxes = {box.name: box for stage in taken(explanation, "lost").stages for box in stage.beside}
    assert (boxes["lost"].text, boxes["lost"].look) == ("not reached", "missed")
    assert boxes["eu"].text == "near miss"
    assert not any(target == "queue lost" for _, target in arrows(explanation, "lost"))


def test_an_exchange_that_is_a_near_miss_is_labelled_in_full() -> None:
    explanation = explained("orders", "order.new.us", [*ORDERS, bound("orders", "hash", "order.new.eu", "exchange")])
    boxes = {box.name: box for stage in taken(explanation).stages for box in stage.beside}
    assert boxes["hash"].text == "exchange, missed" == shortened(boxes["hash"].text, SAYS_CELLS)


def test_an_alternate_is_reached_because_nothing_matched() -> None:
    found = taken(explained("orders", "other", ORDERS))
    assert [(arrow.target, arrow.label) for arrow in found.arrows if arrow.source == "exchange orders"] == [("exchange unrouted", "nothing matched")]


def test_a_message_that_no_queue_gets_ends_nowhere() -> None:
    assert arrows(explained("copies", "x", [])) == {("message", "exchange copies"): "way", ("exchange copies", "nowhere"): "near"}
    assert "to no queue" in story(explained("copies", "x", []), lambda kind, name: "").drawing.text  # type: ignore[union-attr]


def test_what_the_broker_decides_by_hash_is_only_maybe() -> None:
    explanation = explained("hash", "x", [bound("hash", "a", "1"), bound("hash", "b", "1")])
    assert [kind for (source, _), kind in arrows(explanation).items() if source == "exchange hash"] == ["maybe", "maybe"]


def test_what_an_exchange_with_unknown_rules_may_reach_is_only_maybe() -> None:
    assert arrows(explained("own", "k", [bound("own", "us", "k"), bound("own", "copies", "", "exchange"), bound("copies", "eu")])) == {
        ("message", "exchange own"): "way",
        ("exchange own", "queue us"): "maybe",
        ("exchange own", "exchange copies"): "maybe",
        ("exchange copies", "queue eu"): "maybe",
    }
    alone = taken(explained("own", "k", []))
    assert [(box.name, box.text) for box in alone.stages[0].beside] == [("unknown", "rules not known")]
    assert drawing_text(alone) == "Drawing: from your message by own to where is unknown."


def test_a_refused_message_has_no_path() -> None:
    assert drawn_path(explained("nowhere", "x", [])) is None


@pytest.mark.parametrize(
    ("after", "text", "look"),
    [
        (None, "consumers unknown", "unknown"),
        ({"consumers": None, "workers": None}, "consumers unknown", "unknown"),
        ({"consumers": 0, "workers": []}, "no consumers", "critical"),
        ({"consumers": 1, "workers": []}, "1 consumer", ""),
        ({"consumers": 1, "workers": [ConsumingWorker(1, "a", True)]}, "1 node", ""),
        ({"consumers": 3, "workers": [ConsumingWorker(1, "a", True, 4, 0), ConsumingWorker(2, "b", True, 8, 5)]}, "2 nodes, 5 free", ""),
    ],
)
def test_a_queue_shows_its_consumers(after: Any, text: str, look: str) -> None:
    explanation = explained("", "mail", [])
    explanation = replace(explanation, after=[] if after is None else [replace(explanation.after[0], **after)])
    box = taken(explanation).stages[0].beside[0]
    assert (box.text, box.look) == (text, look)


def test_of_many_queues_those_that_without_consumers_are_drawn_and_the_rest_is_counted() -> None:
    explanation = explained("copies", "x", [bound("copies", f"copy.{number:03}") for number in range(500)])
    after = [replace(one, consumers=0 if number == 499 else 1, workers=[]) for number, one in enumerate(explanation.after)]
    (stage,) = taken(replace(explanation, after=after)).stages
    assert len(stage.beside) == MOST_BOXES - 2
    assert stage.beside[-1].look == "critical"
    assert stage.more == "462 more queues"


def test_a_chain_of_exchanges_is_cut_and_counted() -> None:
    explanation = explained("copies", "x", [bound("copies", "mail")])
    found = taken(replace(explanation, steps=[replace(explanation.steps[0], exchange=f"e{number}") for number in range(30)]))
    assert (len(found.stages), found.more) == (12, 18)
    assert "18 more exchanges" in {label.text for label in drawn(found).labels}


def overlaps(drawing: Drawing) -> list[tuple[str, str]]:
    boxes = [(box.name, int(box.x), int(box.y)) for box in drawing.boxes]
    return [(a, b) for (a, x, y), (b, u, v) in combinations(boxes, 2) if abs(x - u) < BOX_WIDTH and abs(y - v) < BOX_HEIGHT]


NAMES = st.sampled_from([one["name"] for one in EXCHANGES])


@given(
    st.lists(st.tuples(NAMES, st.one_of(NAMES, st.integers(0, 60).map("q{}".format)), st.sampled_from(["#", "a.*", "a.c", ""])), max_size=120),
    NAMES,
    st.sampled_from(["a.b", "a.c", ""]),
    st.sampled_from(["", "q1", "nowhere"]),
)
def test_whatever_the_path_nothing_overlaps_and_everything_is_inside(links: list[tuple[str, str, str]], exchange: str, key: str, expected: str) -> None:
    exchanges = {one["name"] for one in EXCHANGES}
    bindings = [bound(source, target, "1" if source == "hash" else words, "exchange" if target in exchanges else "queue") for source, target, words in links]
    found = taken(explained(exchange, key, bindings), expected)
    drawing = drawn(found)
    assert overlaps(drawing) == []
    assert len(drawing.boxes) <= MOST_BOXES + 1
    assert max(int(box.y) for box in drawing.boxes) + BOX_HEIGHT < int(drawing.height)
    assert max(int(label.y) for label in drawing.labels) < int(drawing.height) if drawing.labels else True
    assert all(0 <= float(number) <= max(360, int(drawing.height)) for box in drawing.boxes for number in (box.x, box.y))
    assert all(re.fullmatch(r"M[\dVHCml. -]+", arrow.path) for arrow in drawing.arrows)


@given(st.text(max_size=40), st.integers(3, 20))
def test_a_shortened_name_fits(name: str, cells: int) -> None:
    assert len(shortened(name, cells)) <= max(cells, 1)
