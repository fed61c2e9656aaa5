"""Answers that viewers share until something is stored."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest

from brokers.models import Broker
from brokers.queries import kept
from brokers.scope import EVERYTHING, Place, Scope

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


def test_people_who_see_the_same_objects_share_answers_whatever_they_see_of_arguments() -> None:
    kept.forget()
    place, state = (Place(vhost=("/",)),), ((1, 1, NOON, NOON),)
    answers = [kept.shared(state, _scope_of_query, scope) for scope in (Scope(place), Scope(place, place), Scope(place, ()), Scope(None, ()))]
    assert answers == [Scope(place)] * 3 + [EVERYTHING] and _queried == [Scope(place), EVERYTHING]


_queried: list[Scope] = []


def _scope_of_query(scope: Scope) -> Scope:
    _queried.append(scope)
    return scope


_called: list[tuple[str, str]] = []


def answer(question: str, *, vhost: str = "/") -> str:
    _called.append((question, vhost))
    if question == "breaks" and len(_called) > 1:
        raise ValueError(question)
    return f"{question}{len(_called)}"


def polled(revision: int, pk: int = 1) -> Broker:
    return Broker(pk=pk, revision=revision, polled_at=NOON)


@pytest.fixture
def called() -> Iterator[list[tuple[str, str]]]:
    _called.clear()
    kept.forget()
    yield _called
    kept.forget()


def test_what_was_requested_lately_is_worked_out_again_once_something_was_stored(called: list[tuple[str, str]]) -> None:
    one, both = kept.state_of([polled(1)]), kept.state_of([polled(1), polled(7, pk=2)])
    assert [kept.shared(one, answer, "a"), kept.shared(one, answer, "a"), kept.shared(both, answer, "b", vhost="shop")] == ["a1", "a1", "b2"]
    assert kept.renew([polled(1), polled(7, pk=2)]) == 0
    assert kept.renew([polled(1), polled(8, pk=2)]) == 1
    assert kept.shared(kept.state_of([polled(1), polled(8, pk=2)]), answer, "b", vhost="shop") == "b3"
    assert kept.shared(one, answer, "a") == "a1"
    assert called == [("a", "/"), ("b", "shop"), ("b", "shop")]


def test_a_state_that_was_not_renewed_is_worked_out_by_who_needs_it(called: list[tuple[str, str]]) -> None:
    assert [kept.shared(kept.state_of([polled(number)]), answer, "a") for number in (1, 2, 2, 1)] == ["a1", "a2", "a2", "a3"]


def test_what_several_threads_need_at_once_is_worked_out_by_one_of_them(called: list[tuple[str, str]]) -> None:
    one, two = kept.state_of([polled(1)]), kept.state_of([polled(2)])
    kept.shared(one, slow, "a")
    _slow.clear()
    for event in (_began, _may_end):
        event.clear()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(kept.shared, two, slow, "a")
        assert _began.wait(20)
        second = threads.submit(kept.shared, two, slow, "a")
        third = threads.submit(kept.renew, [polled(2)])
        assert third.result(20) == 0
        _may_end.set()
        assert (first.result(20), second.result(20), _slow) == ("a", "a", ["a"])
    assert kept._making == {}


def test_what_fails_for_one_thread_is_worked_out_by_the_one_that_waited(called: list[tuple[str, str]]) -> None:
    state = kept.state_of([polled(1)])
    for event in (_began, _may_end):
        event.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.shared, state, slow, "fails once")
        assert _began.wait(20)
        second = threads.submit(kept.shared, state, slow, "fails once")
        _may_end.set()
        results = {type(one.exception(20)) for one in (first, second)}
    assert ValueError in results and kept.shared(state, slow, "fails once") == "fails once"


_slow: list[str] = []
_began, _may_end = Event(), Event()
_may_end.set()


def slow(question: str) -> str:
    _slow.append(question)
    _began.set()
    assert _may_end.wait(20)
    if question == "fails once" and _slow.count(question) == 1:
        raise ValueError(question)
    return question


def test_of_a_broker_that_was_never_polled_or_went_nothing_is_worked_out_ahead(called: list[tuple[str, str]]) -> None:
    never = kept.state_of([Broker(pk=1)])
    assert [kept.shared(never, answer, "a") for _ in range(2)] == ["a1", "a2"]
    kept.shared(kept.state_of([polled(1)]), answer, "b")
    assert (kept.renew([]), kept.renew([Broker(pk=1)])) == (0, 0)


def test_what_fails_is_not_tried_again_until_somebody_needs_it(called: list[tuple[str, str]]) -> None:
    kept.shared(kept.state_of([polled(1)]), answer, "breaks")
    with pytest.raises(ValueError, match="breaks"):
        kept.renew([polled(2)])
    assert kept.renew([polled(3)]) == 0


def test_what_nobody_requested_lately_is_left(called: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    kept.shared(kept.state_of([polled(1)]), answer, "a")
    monkeypatch.setattr(kept, "REQUESTED_LATELY_SECONDS", 0.0)
    assert kept.renew([polled(2)]) == 0
