"""Depths read from one answer of the Prometheus plugin after the other: only what differs is read, whatever the names and the numbers are."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.management.parse import DepthsReader

Numbers = dict[str, tuple[int, int]]


def _body(queues: Numbers) -> bytes:
    lines = ["# TYPE rabbitmq_detailed_queue_messages_ready gauge"]
    lines += [f'rabbitmq_detailed_queue_messages_ready{{vhost="/",queue="{name}"}} {ready}' for name, (ready, _) in queues.items()]
    lines += ["# TYPE rabbitmq_detailed_queue_messages_unacked gauge"]
    lines += [f'rabbitmq_detailed_queue_messages_unacked{{vhost="/",queue="{name}"}} {held}' for name, (_, held) in queues.items()]
    return "\n".join(lines).encode() + b"\n"


_NAMES = st.integers(1, 255).flatmap(lambda length: st.integers(0, 99).map(lambda number: f"{number:02d}".ljust(length, "q")[:length]))
_NUMBERS = st.tuples(st.sampled_from((0, 7, 999, 100_000)), st.integers(0, 2))


@given(st.dictionaries(_NAMES, _NUMBERS, max_size=30), st.lists(st.tuples(st.integers(0, 29), _NUMBERS), max_size=6))
@example({f"{number:02d}".ljust(250, "q"): (0, 0) for number in range(30)}, [(1, (7, 0))])
def test_each_answer_is_read_as_if_it_were_the_first(queues: Numbers, changes: list[tuple[int, tuple[int, int]]]) -> None:
    reader = DepthsReader()
    reader.read(_body(queues))
    for place, numbers in changes:
        if place < len(queues):
            queues[list(queues)[place]] = numbers
        found, _ = reader.read(_body(queues))
        assert found == DepthsReader().read(_body(queues))[0]


@pytest.mark.parametrize("length", [1, 60, 100, 128, 195, 196, 197, 255])
def test_names_of_any_length_are_read_where_a_number_changes(length: int) -> None:
    """A line longer than the pieces that are compared once kept the poller from ever coming to an end."""
    queues = {f"{number:05d}".ljust(length, "q") if length > 5 else f"{number:05d}": (3, 0) for number in range(400)}
    reader = DepthsReader()
    reader.read(_body(queues))
    for number, name in enumerate(queues):
        if number % 37 == 0:
            queues[name] = (number + 10, 1)
    found, changed = reader.read(_body(queues))
    assert found == {("/", name): (*numbers, None) for name, numbers in queues.items()}
    assert changed == {("/", name) for name, (ready, _) in queues.items() if ready != 3}
