"""How queues and nodes are arranged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.queues_and_nodes import MEANINGS, NONE, arrangements

names = st.sampled_from("abcd")


@pytest.mark.parametrize(
    ("cells", "queues", "nodes"),
    [
        ([], {}, {}),
        (["m-a"], {"m": "1:1"}, {"a": "1:1"}),
        (["m-a", "m-b"], {"m": "1:M"}, {"a": "1:M", "b": "1:M"}),
        (["m-a", "j-a"], {"m": "M:1", "j": "M:1"}, {"a": "M:1"}),
        (["m-a", "j-a", "m-b", "j-b"], {"m": "M:M", "j": "M:M"}, {"a": "M:M", "b": "M:M"}),
        (["m-a", "j-a", "j-b"], {"m": "M:1", "j": "M:M"}, {"a": "M:M", "b": "1:M"}),
    ],
)
def test_each_is_named_by_what_it_shares(cells: list[str], queues: dict[str, str], nodes: dict[str, str]) -> None:
    found = arrangements(queues, nodes, [(queue, node) for queue, node in (cell.split("-") for cell in cells)])
    assert (found.queues, found.nodes) == (queues, nodes)


def test_what_nothing_consumes_has_none_and_what_is_not_known_is_unknown() -> None:
    found = arrangements(["m", "lonely"], ["a", "bare"], [("m", "a")], unclear_nodes=["a"])
    assert (found.queues, found.nodes) == ({"m": "unknown", "lonely": "none"}, {"a": "unknown", "bare": "none"})
    found = arrangements(["m"], ["a"], [("m", "a")], unclear_queues=["m"])
    assert (found.queues, found.nodes) == ({"m": "unknown"}, {"a": "unknown"})


@given(st.sets(st.tuples(names, names)))
def test_each_has_a_word_that_is_explained_and_both_sides_agree(cells: set[tuple[str, str]]) -> None:
    found = arrangements("abcd", "abcd", cells)
    assert {*found.queues.values(), *found.nodes.values()} <= MEANINGS.keys()
    for queue, node in cells:
        assert NONE not in (found.queues[queue], found.nodes[node])
        if found.queues[queue] == "1:1":
            assert found.nodes[node] == "1:1"
