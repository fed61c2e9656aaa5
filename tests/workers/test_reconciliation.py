"""`processed` against the events that were seen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.receiving.reconciliation import Account


def beats(account: Account, *books: tuple[int, int]) -> Account:
    """Heartbeats of (processed, task-started events seen), two other task events for each."""
    for processed, started in books:
        account.heartbeat(processed, started, started * 3)
    return account


@pytest.mark.parametrize(
    ("books", "lost"),
    [
        ([], 0),
        ([(5, 0)], 0),
        ([(100, 0), (100, 0), (100, 0), (100, 0)], 0),
        ([(0, 0), (5, 3), (8, 8), (9, 9), (9, 9)], 0),  # a heartbeat overtook events
        ([(0, 0), (5, 3), (8, 6), (9, 7), (9, 7)], 2),
        ([(100, 0), (110, 10), (130, 20), (140, 30), (150, 40), (150, 40)], 10),
        ([(10, 3), (10, 10), (20, 20), (30, 30), (40, 40)], 0),  # began amid a bundle
        ([(0, 0), (3, 1), (4, 2), (5, 3), (6, 4), (0, 4), (1, 5), (2, 6), (3, 7), (4, 8)], 2),  # restarted after a loss
    ],
)
def test_losses(books: list[tuple[int, int]], lost: int) -> None:
    assert beats(Account(), *books).lost == lost


def test_a_worker_that_sends_no_task_events_loses_none() -> None:
    account = Account()
    for processed in (0, 1, 2, 3, 50, 51, 52):
        account.heartbeat(processed, 0, 0)
    assert (account.events_off, account.lost) == (True, 0)


def test_switched_on_it_is_counted_from_there() -> None:
    account = Account()
    for processed in (0, 1, 2, 3, 8):
        account.heartbeat(processed, 0, 0)
    beats(account, (12, 1), (13, 2), (14, 3), (15, 4), (16, 5), (17, 6))
    assert (account.events_off, account.lost) == (False, 0)
    beats(account, (27, 7), (28, 8), (29, 9), (30, 10))
    assert account.lost == 9


def test_an_idle_worker_is_not_said_to_send_none() -> None:
    account = Account()
    for _ in range(9):
        account.heartbeat(4, 0, 0)
    assert account.events_off is None


def test_growth_over_a_gap_in_the_heartbeats_is_a_loss_not_silence() -> None:
    account = beats(Account(), (0, 0), (5, 5))
    account.heartbeat(25, 5, 15, in_time=False)
    beats(account, (26, 6), (27, 7), (28, 8))
    assert (account.lost, account.events_off) == (20, False)


def test_resumed_books_notice_what_was_lost_between() -> None:
    account = Account(task_events=30)
    account.resume(base=0, processed=10, started=10, lost=0)
    beats(account, (17, 11), (18, 12), (19, 13), (20, 14))
    assert account.lost == 6


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)), min_size=4, max_size=60))
def test_what_is_lost_is_counted_and_what_is_only_late_is_not(steps: list[tuple[int, int, int]]) -> None:
    """Each step: tasks begun, how many of their events come only after the heartbeat, how many never come."""
    account, processed, seen, lost, clock, late = Account(task_events=-1), 0, 0, 0, 0, 0
    account.heartbeat(0, 0, 0, clock=1)
    for begun, behind, dropped in steps:
        for _ in range(late):
            seen += 1
            account.task_started(clock - 1)
        begun += 1
        dropped = min(dropped, begun - 1)  # one comes, or it would look as if events were switched off
        late = min(behind, begun - dropped - 1)
        processed, lost, clock, seen = processed + begun, lost + dropped, clock + 100, seen + begun - dropped - late
        account.heartbeat(processed, seen, seen, clock=clock)
    lost_at_last_but_two = sum(min(dropped, begun) for begun, _, dropped in steps[:-3])
    assert lost_at_last_but_two <= account.lost <= lost
