"""Answers that viewers share until something is stored."""

from __future__ import annotations

from datetime import UTC, datetime

from brokers.models import Broker
from brokers.queries import kept

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_an_answer_is_worked_out_once_for_a_state_and_again_for_another() -> None:
    counted: kept.Kept[int] = kept.Kept()
    made: list[int] = []
    for state in (1, 1, 2, 2, 1):
        counted.get("queues", state, lambda: made.append(0) or len(made))  # type: ignore[func-returns-value]
    assert len(made) == 3


def test_nothing_is_kept_of_a_broker_that_was_never_polled() -> None:
    counted: kept.Kept[int] = kept.Kept()
    answers = iter(range(5))
    never = kept.state_of([Broker(pk=1, revision=4, polled_at=NOON), Broker(pk=2)])
    assert [counted.get("queues", never, lambda: next(answers)) for _ in range(2)] == [0, 1]


def test_what_was_used_last_stays() -> None:
    few: kept.Kept[str] = kept.Kept(most=2)
    for question in ("a", "b", "a", "c"):
        few.get(question, 1, lambda question=question: question)  # type: ignore[misc]
    assert [few.get(question, 1, lambda: "again") for question in ("a", "c", "b")] == ["a", "c", "again"]


def test_an_answer_that_depends_on_the_clock_is_not_old() -> None:
    few: kept.Kept[str] = kept.Kept(most_seconds=0)
    assert [few.get("a", 1, lambda text=text: text) for text in "bc"] == ["b", "c"]  # type: ignore[misc]
