"""Idle and overloaded nodes."""

from __future__ import annotations

import pytest

from dashboard.capacity.node_load import NodeLoad, QueueState, node_load

EMPTY, FULL, GROWS, VAGUE = QueueState("mail", 0, False), QueueState("mail", 9, False), QueueState("mail", 9, True), QueueState("mail")


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (node_load([], [], [], []), "unknown"),
        (node_load([0, None, None], [4, 4, 4], [], [EMPTY]), "unknown"),  # recorded for a third of the time
        (node_load([0] * 4, [4] * 4, [0] * 4, [EMPTY]), "idle"),
        (node_load([0] * 4, [4] * 4, [0] * 4, []), "idle"),
        (node_load([0] * 4, [4] * 4, [0] * 4, [VAGUE]), "unknown"),
        (node_load([0] * 4, [4] * 4, [0] * 4, None), "unknown"),
        (node_load([0] * 4, [4] * 4, [0] * 4, [FULL]), "busy"),  # stuck rather than idle: the queue's level says so
        (node_load([1, 0, 0, 0], [4] * 4, [0] * 4, [EMPTY]), "busy"),
        (node_load([4] * 4, [4] * 4, [0] * 4, [FULL]), "busy"),
        (node_load([4] * 4, [4] * 4, [0] * 4, [GROWS]), "overloaded"),
        (node_load([4] * 4, [4] * 4, [1, 1, 5, 5], [FULL]), "overloaded"),
        (node_load([3] * 4, [4] * 4, [1, 1, 5, 5], [GROWS]), "busy"),
        (node_load([1] * 4, [0] * 4, [0] * 4, [EMPTY]), "unknown"),
    ],
)
def test_a_node_is_called_idle_or_overloaded_only_where_it_is_known(found: NodeLoad, word: str) -> None:
    assert found.word == word
