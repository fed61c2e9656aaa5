"""All that waits for a queue's workers, each message once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.waiting import HoldingNode, InBroker, InDelayQueues, Waiting, waiting

NODE, SILENT = HoldingNode("a@one", 2, 1), HoldingNode("b@two", why="it does not respond")
counts = st.integers(0, 10**6)


def total(ready: int | None = 5, unacknowledged: int | None = 3, *nodes: HoldingNode, others: int = 0, **delayed: int | None) -> Waiting:
    return waiting(InBroker(ready, unacknowledged, others=others), nodes, InDelayQueues(**delayed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (total(None), "unknown"),
        (total(0, 0), "0"),
        (total(5, 3, NODE), "8"),  # the three in its memory are the unacknowledged ones
        (total(5, 9, NODE), "8"),  # the other six are run
        (total(5, 0, NODE), "8"),  # the broker was polled before they were delivered
        (total(5, None, NODE), "8"),
        (total(5, 3, SILENT), "at least 5"),
        (total(5, 3, NODE, SILENT), "at least 8"),
        (total(5, 3, HoldingNode("a@one", 1, 1, unplaced=1)), "at least 7"),
        (total(5, 3, others=1), "at least 5"),
        (total(5, 0, others=1), "5"),  # the other program holds nothing
        (total(5, 3, NODE, total=4, here=4), "12"),
        (total(5, 3, NODE, total=4, here=1, elsewhere=3), "9"),
        (total(5, 3, NODE, total=4, here=1), "at least 9"),
        (total(5, 3, NODE, total=2, here=9), "10"),  # never more than the delay queues hold
        (total(5, 3, NODE, total=None), "at least 8"),
    ],
)
def test_the_sum_says_how_sure_it_is(found: Waiting, text: str) -> None:
    assert found.text == text


def test_what_is_left_of_the_unacknowledged_messages_is_shown_and_not_added() -> None:
    assert total(5, 9, NODE).count("rest") == 6
    assert total(5, 9, SILENT).count("rest") is None
    assert total(5, 9, NODE, SILENT).notes == ("b@two does not answer: what it holds is not known, or old.",)


@given(counts, counts, st.lists(st.tuples(counts, counts), max_size=4), counts, counts, counts)
def test_each_message_is_counted_once(ready: int, running: int, held: list[tuple[int, int]], delayed: int, here: int, elsewhere: int) -> None:
    nodes = [HoldingNode(f"w{at}", *pair) for at, pair in enumerate(held)]
    in_memory = sum(map(sum, held))
    found = waiting(InBroker(ready, in_memory + running), nodes, InDelayQueues(delayed, here, elsewhere))
    assert found.total == ready + in_memory + min(delayed, here)
    assert found.count("rest") == running
