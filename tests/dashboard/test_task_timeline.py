"""A task's timeline: waits named, one phase an attempt, nothing guessed that no event reported; and its drawing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.tasks.drawing import drawn
from dashboard.tasks.timeline import Life, deliveries_of, phases, sentence, tries_of
from workers.receiving.task_order import EVENTS
from workers.receiving.task_state import Happening

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAIL = Life(("mail",))


def happening(event: str, seconds: float, detail: str = "", worker: str = "a@web-1") -> Happening:
    return Happening(f"task-{event}", NOON + timedelta(seconds=seconds), "gen1@web-2" if event == "sent" else worker, detail)


def story(*happenings: Happening, life: Life = MAIL, now: float = 100) -> list[tuple[str, str]]:
    found = phases(happenings, life)
    return [(bar.phase.label, bar.words) for bar in drawn(found, NOON + timedelta(seconds=now)).bars]


def test_a_task_that_retried_once_has_two_tries_and_four_waits() -> None:
    assert story(
        happening("sent", 0),
        happening("received", 6.4),
        happening("started", 11.2),
        happening("retried", 19, "ConnectionError('refused')"),
        happening("received", 19.1),
        happening("started", 29),
        happening("succeeded", 45.1),
    ) == [
        ("sent by gen1@web-2", "12:00:00.000"),
        ("in queue mail", "6.4 s"),
        ("reserved, a@web-1", "4.8 s"),
        ("attempt 1", "7.8 s, raised ConnectionError"),
        ("waiting for retry", "10.0 s"),
        ("attempt 2", "16.1 s, succeeded"),
    ]


def test_a_retry_whose_next_message_came_first_is_still_a_retry() -> None:
    found = story(
        happening("started", 0),
        happening("received", 1),
        happening("retried", 1.001, "Retry(Retry(...), Busy('x'), 3.0)"),
        happening("started", 4),
        happening("succeeded", 5),
    )
    assert found == [("attempt 1", "1.0 s, raised Busy"), ("waiting for retry", "3.0 s"), ("attempt 2", "1.0 s, succeeded")]


def test_a_retry_without_an_exception_raised_nothing() -> None:
    found = story(
        happening("started", 0),
        happening("received", 1),
        happening("retried", 1.001, "None"),
        happening("started", 4),
        happening("succeeded", 5),
    )
    assert found == [("attempt 1", "1.0 s, retried"), ("waiting for retry", "3.0 s"), ("attempt 2", "1.0 s, succeeded")]


def test_a_sending_that_is_stamped_after_its_receipt_still_begins_the_timeline() -> None:
    came = (happening("received", 0), happening("started", 0.009), happening("sent", 0.045), happening("succeeded", 0.175))
    assert story(*came) == [
        ("sent by gen1@web-2", "stamped 45 ms after it was received"),
        ("reserved, a@web-1", "9 ms"),
        ("attempt 1", "166 ms, succeeded"),
    ]
    assert sentence(phases(came, MAIL), NOON, ended=True) == "175 ms from sent to done: 166 ms running, 9 ms waiting"


def test_a_running_task_runs_so_far() -> None:
    assert story(happening("received", 0), happening("started", 1), now=5)[-1] == ("attempt 1", "4.0 s so far")


def test_a_lost_task_is_not_shown_as_running() -> None:
    found = story(happening("received", 0), happening("started", 1), life=Life(lost=True))
    assert found[-1] == ("attempt 1", "outcome unknown")


def test_a_wait_for_an_eta_is_named_so() -> None:
    life = Life(("mail",), eta=NOON + timedelta(seconds=60))
    found = story(happening("sent", 0), happening("received", 1), happening("started", 60.2), happening("succeeded", 61), life=life)
    assert found[2] == ("waiting for its ETA, a@web-1", "59.2 s, not before 12:01:00")


def test_a_task_that_is_held_until_its_eta_waits_for_that_and_then_for_a_slot() -> None:
    received, eta = happening("received", 1), NOON + timedelta(seconds=60)
    assert story(received, life=Life(eta=eta, now=NOON + timedelta(seconds=30)), now=30) == [("waits for its ETA until 12:01:00, a@web-1", "29.0 s so far")]
    late = story(received, life=Life(eta=eta, now=NOON + timedelta(seconds=70)), now=70)
    assert late == [("waiting for its ETA, a@web-1", "59.0 s, not before 12:01:00"), ("reserved, a@web-1", "10.0 s so far")]
    past = Life(eta=NOON, now=NOON + timedelta(seconds=30))
    assert story(received, life=past, now=30) == [("reserved, a@web-1", "29.0 s so far")]


def test_a_redelivered_task_runs_again_and_the_first_end_is_unknown() -> None:
    found = story(happening("started", 0), happening("received", 30, worker="b@web-1"), happening("started", 31, worker="b@web-1"))
    assert found[0] == ("attempt 1", "30.0 s, end unknown: the message was redelivered")
    assert [label for label, _ in found] == ["attempt 1", "reserved, b@web-1", "attempt 2"]


def test_a_task_that_was_taken_twice_before_it_ran_was_delivered_again() -> None:
    found = story(happening("received", 0), happening("received", 297), happening("started", 298))
    assert found[0] == ("reserved, a@web-1", "4 min 57 s, then the message was redelivered")


def test_an_end_without_a_start_stands_alone() -> None:
    assert story(happening("failed", 3, "ValueError('x')")) == [("raised ValueError, a@web-1", "12:00:03.000")]


def test_without_moments_there_is_nothing_to_draw() -> None:
    assert story() == []
    assert sentence([], NOON, False) == ""


def test_the_sentence_adds_work_and_waits_up() -> None:
    found = phases([happening("sent", 0), happening("received", 2), happening("started", 3), happening("succeeded", 10)], Life(("mail",)))
    assert sentence(found, NOON, True) == "10.0 s from sent to done: 7.0 s running, 3.0 s waiting"


@pytest.mark.parametrize("seconds", [0, 0.003, 0.9, 59, 3600, 864_000, 40_000_000])
def test_the_axis_has_few_ticks_whatever_the_length(seconds: float) -> None:
    drawing = drawn(phases([happening("started", 0), happening("succeeded", seconds)], Life()), NOON)
    assert 1 <= len(drawing.ticks) <= 6
    assert len({tick.words for tick in drawing.ticks}) == len(drawing.ticks)


@pytest.mark.parametrize("detail", ["E('no')", "PaymentDeclined('no')", "ConnectionRefusedError('no')"])
@pytest.mark.parametrize("started", [0.2, 1, 2.5])
def test_the_words_beside_a_bar_end_where_the_drawing_does(detail: str, started: float) -> None:
    course = [happening("sent", 0), happening("received", 0.1), happening("started", started), happening("failed", 3, detail)]
    for bar in drawn(phases(course, Life()), NOON).bars:
        needed = 6.4 * len(bar.words) / 400 * 100  # letters of 12 px, in a track of 400 px, as beside the form of Send
        assert float(bar.words_x[:-1]) + needed <= 100.1 if bar.anchor == "start" else float(bar.words_x[:-1]) >= needed


def test_a_broadcast_has_a_delivery_for_each_worker_and_one_attempt() -> None:
    course = [
        happening("sent", 0),
        happening("received", 1, worker="a@web-1"),
        happening("received", 1.1, worker="b@web-2"),
        happening("started", 1.2, worker="b@web-2"),
        happening("started", 1.3, worker="a@web-1"),
        happening("succeeded", 2, worker="a@web-1"),
        happening("failed", 3, "OSError()", worker="b@web-2"),
    ]
    found = phases(course, MAIL)
    assert [(bar.phase.label, bar.words) for bar in drawn(found, NOON + timedelta(seconds=9)).bars] == [
        ("sent by gen1@web-2", "12:00:00.000"),
        ("in queue mail", "1.0 s"),
        ("reserved, a@web-1", "300 ms"),
        ("attempt 1, a@web-1", "700 ms, succeeded"),
        ("reserved, b@web-2", "100 ms"),
        ("attempt 1, b@web-2", "1.8 s, raised OSError"),
    ]
    assert (tries_of(found), deliveries_of(found)) == (1, ["a@web-1", "b@web-2"])


def test_a_retry_on_another_worker_is_no_second_delivery() -> None:
    course = [
        happening("received", 0),
        happening("started", 1),
        happening("received", 2, worker="b@web-2"),  # the retry's message, sent before the event of the retry
        happening("retried", 2.1, "OSError()"),
        happening("started", 5, worker="b@web-2"),
        happening("succeeded", 6, worker="b@web-2"),
    ]
    found = phases(course, MAIL)
    assert (tries_of(found), deliveries_of(found)) == (2, [])


def test_a_task_that_replaced_itself_names_the_other() -> None:
    course = [happening("started", 0), happening("sent", 2, "shop.part"), happening("received", 3, "shop.part"), happening("started", 4)]
    assert story(*course)[0] == ("attempt 1", "2.0 s, replaced by shop.part")
    assert story(course[0], *course[2:])[0] == ("attempt 1", "3.0 s, replaced by shop.part")


MOMENTS = st.builds(happening, st.sampled_from([event.removeprefix("task-") for event in EVENTS]), st.floats(0, 1e6), st.text(max_size=20))


@given(st.lists(MOMENTS, max_size=30))
def test_any_timeline_can_be_described_and_drawn(happenings: list[Happening]) -> None:
    ordered = sorted(happenings, key=lambda one: one.at)
    found = phases(ordered, Life())
    assert tries_of(found) == sum(one.event == "task-started" for one in ordered)
    assert all(phase.end is not None for phase in found[:-1])
    drawing = drawn(found, NOON + timedelta(seconds=2e6))
    assert all(0 <= float(bar.x[:-1]) <= 80 and 0 < float(bar.width[:-1]) <= 81 for bar in drawing.bars)
