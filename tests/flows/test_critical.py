"""The critical path: what the end of a workflow waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from dashboard.flows.critical import critical_path
from dashboard.flows.tree import Member, grown
from tests.flows.recorded import NOON, at
from tests.flows.test_tree import IDS, forged, whole

NOW = at(NOON + 100)


def task(uuid: str, order: int, sent: float, started: float | None, ended: float | None, parent: str | None = None, **known: Any) -> Member:
    state = "SUCCESS" if ended is not None else "STARTED" if started is not None else "PENDING"
    times = {"sent_at": at(NOON + sent), "started_at": None if started is None else at(NOON + started), "ended_at": None if ended is None else at(NOON + ended)}
    return Member(uuid, order, **{"name": uuid, "state": state, "parent": parent, **times, **known})


ROOT = task("a", 0, 0, 1, 3)


@pytest.mark.parametrize(
    ("members", "path", "took", "worked", "ended"),
    [
        ([ROOT], ("a",), 3, 2, True),
        ([ROOT, task("b", 1, 3, 5, 9, "a"), task("c", 2, 3, 4, 6, "a")], ("a", "b"), 9, 6, True),
        ([ROOT, task("b", 1, 3, 5, 9, "a"), task("c", 2, 3, 4, None, "a")], ("a", "c"), 100, 98, False),  # it still runs
        ([ROOT, task("b", 1, 3, None, None, "a")], ("a", "b"), 100, 2, False),  # it still waits
        ([task("a", 0, 0, 1, 20), task("b", 1, 3, 5, 9, "a")], ("a",), 20, 19, True),  # the caller ended last
        ([task("a", 0, 0, 1, 8), task("b", 1, 3, 5, 9, "a")], ("a", "b"), 9, 8, True),  # both ran from the 5th to the 8th second
        (
            [ROOT, task("h", 1, 3, 4, 8, "a", body="z"), task("i", 2, 3, 4, 7, "a", body="z"), task("z", 3, 8, 9, 10, "i")],
            ("a", "h", "z"), 10, 7, True,  # whatever the body names as its parent, it waited for h
        ),
        ([ROOT, task("c", 2, 5, 6, 7, "lost")], ("a", "c"), 7, 3, True),
    ],
)  # fmt: skip
def test_the_path_leads_from_the_end_to_what_it_waited_for(members: list[Member], path: tuple[str, ...], took: float, worked: float, ended: bool) -> None:
    assert NOW is not None
    found = critical_path(grown("a", members), NOW)
    assert found is not None
    assert (found.tasks, found.took, found.worked, found.ended) == (path, timedelta(seconds=took), timedelta(seconds=worked), ended)
    assert found.waited == timedelta(seconds=took - worked)


def test_the_path_of_a_recorded_workflow_leads_through_the_task_that_waited_for_the_header() -> None:
    assert NOW is not None
    tree = whole("joined_by_unlock", "chain_chord")
    found = critical_path(tree, NOW)
    assert found is not None
    assert [tree.members[key].name for key in found.tasks] == ["step", "leaf", "celery.chord_unlock", "total", "outer"]


@given(forged(), IDS)
def test_the_path_of_any_tasks_is_finite_and_without_repetition(tasks: list[Member], root: str) -> None:
    assert NOW is not None
    for one in tasks:
        one.started_at = at(NOON + one.order)
    found = critical_path(grown(root, tasks), NOW)
    assert (found is None) == (not tasks)
    assert found is None or len(set(found.tasks)) == len(found.tasks) > 0
