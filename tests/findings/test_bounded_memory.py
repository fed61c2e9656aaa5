"""What rules keep in memory from round to round is bounded, whatever the number of names, and what is new is still seen."""

from __future__ import annotations

from datetime import timedelta

from dashboard.findings.counters import Counters
from dashboard.findings.evaluation import Evaluation
from dashboard.findings.outcomes import MOST_TASKS, Ended, Outcomes
from tests.findings.objects import NOON


def test_a_counter_that_is_gone_is_forgotten_with_when_it_rose() -> None:
    counters = Counters()
    for place in range(100):
        for seconds, value in ((0, 0), (1, 1)):
            counters.note({("lost of worker", place): value}, NOON + timedelta(seconds=20 * place + seconds))
    assert len(counters._seen) == len(counters._rose_at) == 1


def test_of_more_tasks_than_are_kept_the_newest_are() -> None:
    outcomes = Outcomes()
    outcomes.add(Ended("/", f"task {place}", NOON + timedelta(milliseconds=place), failed=True) for place in range(3 * MOST_TASKS))
    found = {one.name for one in outcomes.of_each(NOON + timedelta(seconds=5))}
    assert len(found) <= MOST_TASKS
    assert f"task {3 * MOST_TASKS - 1}" in found


def test_one_with_an_open_finding_stays() -> None:
    outcomes = Outcomes()
    outcomes.add([Ended("/", "troubled", NOON, failed=True)])
    outcomes.of_each(NOON, {("/", "troubled")})
    outcomes.add(Ended("/", f"task {place}", NOON + timedelta(milliseconds=place), failed=True) for place in range(2 * MOST_TASKS))
    assert "troubled" in {one.name for one in outcomes.of_each(NOON + timedelta(seconds=2))}


def test_nothing_is_kept_of_brokers_that_are_no_longer_there() -> None:
    evaluation = Evaluation()
    evaluation._kept = dict.fromkeys(range(50))  # type: ignore[arg-type]
    evaluation._pending = {None: {}, **{place: {} for place in range(50)}}
    evaluation.forget_others({3})
    assert (set(evaluation._kept), set(evaluation._pending)) == ({3}, {None, 3})
