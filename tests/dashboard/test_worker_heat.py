"""The heat strip of a worker node."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.workers.heat import CELLS, heat

numbers = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60)


def kinds(active: list[float | None], slots: list[float | None]) -> list[str]:
    return [cell.kind for cell in heat(active, slots).cells]


def test_cells_go_from_no_slot_to_all_and_unknown_is_not_none() -> None:
    assert kinds([0, 1, 2, 3, 4, None, 1], [4, 4, 4, 4, 4, 4, None]) == ["0", "1", "2", "3", "4", "unknown", "unknown"]
    assert kinds([9], [4]) == ["4"]  # more tasks than slots: a pool that has just shrunk
    assert kinds([0], [0]) == kinds([], []) == kinds([None], [4]) == []


def test_the_strip_is_read_out_as_a_sentence() -> None:
    assert heat([0, 4, None, None], [4, 4, 4, None]).text == "Slots in use, last hour: 50 % on average, 100 % at most, unknown for 2 of 4 parts"
    assert heat([None], [None]).text == "Slots in use, last hour: nothing recorded"


@given(numbers, numbers)
def test_there_are_never_more_cells_than_fit(active: list[float | None], slots: list[float | None]) -> None:
    assert len(heat(active, slots).cells) <= CELLS
