"""Capacity in sentences."""

from __future__ import annotations

import pytest

from dashboard.capacity.drain import Drain
from dashboard.capacity.text import drain_text, range_text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Drain("unknown", why="its depth is not reported"), "unknown its depth is not reported"),
        (Drain("empty", 0.0, 0.0, 0.0), "empty now "),
        (Drain("keeps_up"), "keeps up what is there leaves within seconds"),
        (Drain("never"), "never at this rate nor at the fastest"),
        (Drain("never", None, 60.0, None), "never at this rate 1 min at the fastest, never at the slowest"),
        (Drain("drains", 60.0, 60.0, 60.0), "in 1 min throughout the window"),
    ],
)
def test_each_outcome_has_its_words(found: Drain, words: str) -> None:
    assert f"{drain_text(found)} {range_text(found)}" == words


def test_a_queue_of_which_all_is_held_until_its_eta_is_not_called_empty() -> None:
    assert drain_text(Drain("empty", 0.0, 0.0, 0.0), held=2) == "empty but for tasks with an ETA"
