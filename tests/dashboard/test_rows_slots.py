"""Slots: known ones are drawn, unknown ones are dashed with a reason, and nothing unknown is called free."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.workers.slots import BAR_WIDTH, CELLS_AT_MOST, slots_of
from workers.models import Worker


def online(**known: Any) -> Worker:
    return Worker(state=Worker.ONLINE, **known)


@pytest.mark.parametrize(
    ("worker", "sentence", "cells"),
    [
        (online(), "running tasks unknown, slots unknown", ["unknown"]),
        (online(active=2), "2 running, slots unknown", ["used", "used", "unknown"]),
        (online(concurrency=2), "2 slots, used ones unknown", ["unknown", "unknown"]),
        (online(concurrency=1, active=0), "0 of 1 used, 1 free", ["free"]),
        (online(concurrency=4, active=3, reserved=0), "3 of 4 used, 1 free", ["used"] * 3 + ["free"]),
        (online(concurrency=2, active=3), "3 running on 2 slots", ["used"] * 3),
        (online(concurrency=2, active=2, autoscale_max=4), "2 of 2 used, 0 free", ["used"] * 2 + ["may-add"] * 2),
        (online(concurrency=4, active=0, autoscale_max=2), "0 of 4 used, 4 free", ["free"] * 4),
        (Worker(state=Worker.GONE, reason="it shut down cleanly", concurrency=3, active=2), "slots unknown, because it shut down cleanly", ["unknown"] * 3),
        (Worker(state=Worker.UNKNOWN), "slots unknown, because nothing has been received from the worker yet", ["unknown"]),
    ],
)
def test_slots_are_drawn_and_described(worker: Worker, sentence: str, cells: list[str]) -> None:
    slots = slots_of(worker)
    assert slots.sentence == sentence
    assert list(slots.cells) == cells


def test_reserved_tasks_stand_apart_and_are_counted_when_they_are_many() -> None:
    assert slots_of(online(concurrency=8, active=5, reserved=3)).reserved_cells == ("reserved",) * 3
    many = slots_of(online(concurrency=8, active=8, reserved=24))
    assert (len(many.reserved_cells), many.reserved_more) == (3, 21)
    assert many.sentence == "8 of 8 used, 0 free, 24 reserved"


def test_more_than_32_slots_become_a_bar() -> None:
    slots = slots_of(online(concurrency=1000, active=600, reserved=50))
    assert slots.cells == ()
    assert [part.kind for part in slots.bar] == ["used", "free", "reserved"]
    assert slots.sentence == "600 of 1,000 used, 400 free, 50 reserved"


def test_the_leading_number_can_be_set_in_bold() -> None:
    assert (slots_of(online(concurrency=8, active=5)).lead, slots_of(online(concurrency=8, active=5)).rest) == ("5", "of 8 used, 3 free")
    assert slots_of(online()).lead == ""


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_every_slot_has_a_cell_or_the_bar_is_full(active: int, concurrency: int, reserved: int, most: int) -> None:
    slots = slots_of(online(active=active, concurrency=concurrency, reserved=reserved, autoscale_max=most))
    if slots.bar:
        assert abs(sum(part.width for part in slots.bar) - BAR_WIDTH) < 1
        assert all(part.width > 0 for part in slots.bar)
    else:
        assert max(active, concurrency, most if most > concurrency else 0) <= len(slots.cells) <= max(CELLS_AT_MOST, active)
        assert len(slots.reserved_cells) + slots.reserved_more == reserved
