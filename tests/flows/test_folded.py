"""What is drawn of a workflow: a box a task, or one for many, and each task in exactly one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.flows.folded import BETWEEN, MANY, MISSING, MORE, MOST_BOXES, TASK, Box, folded
from dashboard.flows.layout import HEIGHT, WIDTH, drawn
from dashboard.flows.tree import Member, grown
from tests.flows.test_tree import IDS, forged


def chain(length: int, of: str = "t", name: str = "step", parent: str | None = None) -> list[Member]:
    return [Member(f"{of}{number}", number, name, parent=f"{of}{number - 1}" if number else parent) for number in range(length)]


def kinds(boxes: list[Box]) -> list[tuple[str, int]]:
    return [(box.kind, len(box.tasks)) for box in boxes]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], []),
        (chain(8), [(TASK, 1)] * 8),
        (chain(9), [(TASK, 1), (TASK, 1), (BETWEEN, 5), (TASK, 1), (TASK, 1)]),
        (chain(2000), [(TASK, 1), (TASK, 1), (BETWEEN, 1996), (TASK, 1), (TASK, 1)]),
        ([Member("t0"), *(Member(f"x{n}", n, "mail", parent="t0") for n in range(1, 40))], [(TASK, 1)] * 40),
        ([Member("t0"), *(Member(f"x{n}", n, "mail", parent="t0") for n in range(1, 2001))], [(TASK, 1), (MANY, 2000)]),
        ([Member("t0"), *(Member(f"x{n}", n, f"mail{n}", parent="t0") for n in range(1, 100))], [(TASK, 1)] * 40 + [(MORE, 60)]),
        ([Member("t0"), *(Member(f"x{n}", n, "mail", parent=f"gone{n}") for n in range(1, 50))], [(TASK, 1), (MISSING, 49), (MANY, 49)]),
        ([Member("t0"), Member("t9", 1, parent="t8")], [(TASK, 1), (MISSING, 1), (TASK, 1)]),
    ],
)
def test_a_workflow_is_few_boxes(members: list[Member], expected: list[tuple[str, int]]) -> None:
    assert kinds(folded(grown("t0", members))) == expected


def test_what_followed_many_tasks_of_a_name_is_folded_with_them() -> None:
    loads = [Member(f"a{number}", number + 1, "load", parent="t0") for number in range(60)]
    saves = [Member(f"b{number}", number + 99, "save", parent=f"a{number}") for number in range(60)]
    boxes = folded(grown("t0", [Member("t0"), *loads, *saves]))
    assert kinds(boxes) == [(TASK, 1), (MANY, 60), (MANY, 60)]
    assert [box.before for box in boxes] == [(), ("t0",), ("a0",)]


def test_a_body_stands_after_all_parts_of_its_header() -> None:
    header = [Member(f"h{number}", number + 1, f"leaf{number}", parent="a", body="end") for number in range(3)]
    boxes = folded(grown("a", [Member("a"), *header, Member("end", 9, "total", parent="h2")]))
    assert {box.key: box.before for box in boxes}["end"] == ("h0", "h1", "h2")


@given(forged(), IDS)
def test_each_task_is_in_exactly_one_box_and_each_box_hangs_below_an_earlier_one(tasks: list[Member], root: str) -> None:
    tree = grown(root, tasks)
    boxes = folded(tree)
    assert Counter(key for box in boxes for key in box.tasks) == Counter([*tree.members, *tree.missing])
    assert len(boxes) <= 2 * MOST_BOXES + 1
    seen = {""}
    for box in boxes:
        assert box.above in seen
        seen.add(box.key)
    assert {each for box in boxes for each in box.before} <= seen


def crowd(random: Any, count: int) -> list[Member]:
    """More tasks than there are boxes, of few names, with any parents and chords."""
    uuids = [f"t{number}" for number in range(count)]
    return [
        Member(
            uuid,
            order,
            random.choice(["leaf", "step", "total"]),
            parent=random.choice([None, "gone", *uuids[:5], *uuids]),
            group=random.choice([None, "g", "h"]),
            body=random.choice([None, None, *uuids]),
        )
        for order, uuid in enumerate(uuids)
    ]


@given(st.randoms(use_true_random=False), st.integers(MOST_BOXES + 1, 150))
def test_a_crowd_of_tasks_is_in_few_boxes_that_do_not_overlap(random: Any, count: int) -> None:
    tree = grown("t0", crowd(random, count))
    boxes = folded(tree)
    assert Counter(key for box in boxes for key in box.tasks) == Counter([*tree.members, *tree.missing])
    assert len(boxes) <= 2 * MOST_BOXES + 1
    corners = sorted((int(placed.x), int(placed.y)) for placed in drawn(boxes).boxes)
    assert all(abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT for at, (x, y) in enumerate(corners) for other_x, other_y in corners[:at])
