"""`processed` against the events that were received: a loss is counted, lateness and repetition are none."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.receiving import reconciliation
from workers.receiving.events import Event
from workers.receiving.reconciliation import EventReconciliation

NOON = 1795435200.0


@dataclass
class Sender:
    """A worker as Celery's: every event has the next Lamport clock, a heartbeat reports how many tasks it has started."""

    now: float = 0.0
    clock: int = 0
    pid: int = 100
    begun: int = 0

    def event(self, kind: str, **fields: int) -> Event:
        self.clock += 1
        return Event(kind, "w@h", NOON + self.now, self.pid, self.clock, freq=2.0, uuid=None if "worker" in kind else f"{self.pid}-{self.begun}", **fields)

    def task(self) -> list[Event]:
        self.begun += 1
        return [self.event("task-received"), self.event("task-started"), self.event("task-succeeded")]

    def heartbeat(self, kind: str = "worker-heartbeat") -> Event:
        self.now += 2
        return self.event(kind, processed=self.begun)

    def restart(self, in_place: bool) -> None:
        self.clock, self.begun, self.pid, self.now = 0, 0, self.pid + (not in_place), self.now + 2


@dataclass
class Receiver:
    """Takes events as the task buffer does: it knows those that it has received before, even when it was started anew."""

    found: EventReconciliation = field(default_factory=EventReconciliation)
    known: set[tuple[int | None, int | None, float | None]] = field(default_factory=set)

    def take(self, *events: Event) -> Receiver:
        for event in events:
            key = (event.pid, event.clock, event.timestamp)
            if event.type.startswith("worker"):
                self.found.heartbeat(event)
            else:
                self.found.task_event(event, key not in self.known)
            self.known.add(key)
        return self

    def begin_anew(self) -> None:
        kept = msgspec.json.decode(msgspec.json.encode(reconciliation.stored(self.found)))
        self.found = reconciliation.resumed(kept, self.found.lost)


def work(sender: Sender, *tasks: int) -> list[Event]:
    """So many tasks before each of some heartbeats."""
    return [event for number in tasks for event in [*(event for _ in range(number) for event in sender.task()), sender.heartbeat()]]


def silent_work(sender: Sender, *tasks: int) -> list[Event]:
    """As `work`, with tasks that send no events."""
    found = []
    for number in tasks:
        sender.begun += number
        found.append(sender.heartbeat())
    return found


def settled(receiver: Receiver, sender: Sender) -> int:
    """What is counted as lost after some quiet heartbeats."""
    return receiver.take(*work(sender, 0, 0, 0, 0)).found.lost


def test_nothing_is_lost_of_a_worker_that_was_at_work_before_we_came() -> None:
    sender = Sender()
    work(sender, 100)
    assert settled(Receiver().take(*work(sender, 3, 0, 7)), sender) == 0


def test_a_heartbeat_that_overtakes_events_makes_no_loss() -> None:
    sender, receiver = Sender(), Receiver()
    for _ in range(20):
        *events, heartbeat = work(sender, 5)
        receiver.take(*events[:9], heartbeat, *events[9:])
    assert settled(receiver, sender) == 0


@pytest.mark.parametrize("lost", [1, 6])
def test_lost_starts_are_counted_once_they_last_three_heartbeats(lost: int) -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 0, 5))
    events = work(sender, 10)
    receiver.take(*events[3 * lost :])
    assert receiver.found.lost == 0
    assert settled(receiver.take(*work(sender, 1)), sender) == lost


def test_a_loss_just_before_the_worker_ends_is_counted_and_those_of_its_next_process_are_added() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(sender.heartbeat("worker-online"), *work(sender, 4), *work(sender, 3, 1)[6:])
    sender.restart(in_place=False)
    receiver.take(sender.heartbeat("worker-online"))
    assert receiver.found.lost == 2
    receiver.take(*work(sender, 3, 3)[3:])
    assert settled(receiver, sender) == 3


@pytest.mark.parametrize("in_place", [True, False])
def test_a_worker_that_was_started_anew_loses_nothing(in_place: bool) -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(sender.heartbeat("worker-online"), *work(sender, 4, 9))
    for _ in range(3):
        sender.restart(in_place)
        receiver.take(sender.heartbeat("worker-online"), *work(sender, 4, 0, 30, 7))
    assert settled(receiver, sender) == 0


def test_a_worker_that_reconnects_sends_worker_online_again_and_goes_on() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 4, 9), sender.heartbeat("worker-online"), *work(sender, 4))
    assert (settled(receiver, sender), receiver.found.began_timestamp) == (0, None)


def test_what_was_lost_while_we_did_not_run_is_noticed() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 0, 5, 5))
    receiver.begin_anew()
    work(sender, 7)
    assert settled(receiver.take(*work(sender, 1, 1)), sender) == 7


def test_all_that_comes_again_after_a_restart_of_ours_is_no_loss_and_hides_none() -> None:
    sender, receiver = Sender(), Receiver()
    events = [sender.heartbeat("worker-online"), *work(sender, 5, 5, 5)]
    receiver.take(*events)
    receiver.begin_anew()
    receiver.take(*events, *work(sender, 5, 5))
    assert settled(receiver, sender) == 0
    receiver.take(*work(sender, 4)[6:])
    assert settled(receiver, sender) == 2


def test_a_row_of_an_earlier_version_keeps_its_count() -> None:
    sender, receiver = Sender(), Receiver(reconciliation.resumed({}, 7))
    assert settled(receiver.take(*work(sender, 9, 9)), sender) == 7
    assert reconciliation.resumed({"pid": "odd"}, 7) == reconciliation.resumed({}, 7)


def test_a_worker_that_sends_no_task_events_loses_none_and_is_counted_from_when_it_does() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*(event for event in work(sender, 1, 1, 1, 50) if event.type.startswith("worker")))
    assert (receiver.found.events_off, receiver.found.lost) == (True, 0)
    assert settled(receiver.take(*work(sender, 12, 1, 1, 1)), sender) == 0
    assert receiver.found.events_off is False
    receiver.take(*work(sender, 9)[6:])
    assert settled(receiver, sender) == 2


def test_an_idle_worker_is_not_reported_to_send_no_events() -> None:
    assert Receiver().take(*work(Sender(), *[0] * 9)).found.events_off is None


def test_growth_over_a_gap_in_the_heartbeats_is_a_loss_not_silence() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 0, 5))
    work(sender, 10, 10)
    assert settled(receiver.take(*work(sender, 0)), sender) == 20
    assert receiver.found.events_off is False


_stretch = st.tuples(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),  # tasks before each heartbeat
    st.integers(0, 6),  # of the events before a heartbeat, so many come only after it
    st.lists(st.integers(0, 60), max_size=3),  # which events are lost, heartbeats left out
    st.sampled_from(["", "", "again", "anew", "restart", "restart in place"]),
)


@settings(deadline=None)
@given(st.lists(_stretch, min_size=1, max_size=6))
def test_the_count_is_that_of_the_lost_starts(stretches: list[tuple[list[int], int, list[int], str]]) -> None:
    """With lateness, repetition, restarts of the worker and of ours between."""
    sender, receiver, lost = Sender(), Receiver(), 0
    receiver.take(sender.heartbeat("worker-online"))
    for tasks, late, drops, then in stretches:
        sent = _late(work(sender, *tasks, 1), late)
        dropped = {number for number in drops if number < len(sent) - 4 and not sent[number].type.startswith("worker")}
        lost += sum(sent[number].type == "task-started" for number in dropped)
        receiver.take(*(event for number, event in enumerate(sent) if number not in dropped))
        if then == "again":
            receiver.take(*(event for number, event in enumerate(sent) if number not in dropped))
        elif then == "anew":
            receiver.begin_anew()
        elif then:
            receiver.take(sender.heartbeat())
            sender.restart(in_place=then.endswith("place"))
            receiver.take(sender.heartbeat("worker-online"))
    receiver.take(*work(sender, 1))
    assert settled(receiver, sender) == lost


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.booleans(), min_size=1, max_size=40))
def test_messages_that_another_receiver_held_for_a_while_are_no_loss(tasks: list[int], held: list[bool]) -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(sender.heartbeat("worker-online"), *work(sender, 2, 2))
    sent = list(zip(work(sender, *tasks), itertools.cycle(held)))
    receiver.take(*(event for event, later in sent if not later))
    receiver.take(*(event for event, later in sent if later))
    assert settled(receiver.take(*work(sender, 1)), sender) == 0


def _late(events: list[Event], late: int) -> list[Event]:
    """The last events before each heartbeat come after it, as those do that a worker sends in bundles."""
    found, waiting = [], 0
    for event in events:
        if event.type.startswith("worker"):
            found.insert(len(found) - min(late, waiting), event)
            waiting = min(late, waiting)
        else:
            found.append(event)
            waiting += 1
    return found


def test_tasks_that_send_no_events_are_not_lost_and_others_still_are() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 5, 5, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 0, 0)
    for started in (3, 6, 9):
        receiver.take(*silent_work(sender, 3, 0, 0, 0, 0))  # heartbeats come faster than answers
        receiver.found.silent_tasks(sender.pid, True, started, 0)
        assert receiver.found.lost == 0
    receiver.take(*work(sender, 2, 2, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 9, 0)
    sender.task()
    sender.task()  # their events never come
    receiver.take(*work(sender, 1, 0, 0, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 9, 0)
    assert receiver.found.lost == 2
    receiver.take(*silent_work(sender, 3, 0, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 12, 0)
    assert receiver.found.lost == 2


def test_an_answer_that_overtakes_heartbeats_explains_them_too() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 5, 5, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 0, 0, sender.clock)
    late = [*silent_work(sender, 0, 0, 0, 0), *silent_work(sender, 3, 0, 0, 0, 0)]
    receiver.found.silent_tasks(sender.pid, True, 3, 0, sender.clock)
    receiver.take(*late, *silent_work(sender, 0, 0, 0, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 3, 0, sender.clock)
    receiver.take(*silent_work(sender, 0, 0, 0, 0))
    assert receiver.found.lost == 0
    sender.task()  # its events never come
    receiver.take(*work(sender, 1, 0, 0, 0, 0))
    assert receiver.found.lost == 1


def test_a_restart_of_a_worker_with_tasks_that_send_no_events_loses_nothing() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.take(*work(sender, 5, 5, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 0, 0)
    receiver.take(*silent_work(sender, 4))
    receiver.begin_anew()
    sender.restart(in_place=False)
    receiver.take(*work(sender, 1, 1, 0, 0))
    receiver.found.silent_tasks(sender.pid, True, 0, 0)
    assert settled(receiver, sender) == 0


def test_a_worker_with_tasks_that_send_no_events_sends_none_at_all_if_those_of_others_do_not_come_either() -> None:
    sender, receiver = Sender(), Receiver()
    receiver.found.silent_tasks(sender.pid, True, 0, 0)
    receiver.take(*silent_work(sender, 0, 3, 3, 3, 3))
    receiver.found.silent_tasks(sender.pid, True, 12, 0)
    assert not receiver.found.events_off  # only silent tasks so far
    for others, off in ((2, None), (2, True)):  # the first answer may have come before their events
        receiver.take(*silent_work(sender, 1, 0, 0))
        receiver.found.silent_tasks(sender.pid, True, 12, others)
        assert receiver.found.events_off is off
    receiver.take(*work(sender, 1, 0))
    receiver.found.silent_tasks(sender.pid, True, 12, 3)
    assert (receiver.found.events_off, receiver.found.unheard, receiver.found.lost) == (False, False, 0)


@pytest.mark.parametrize("timestamp", [1e300, -1.0, 0.0])
def test_a_stored_beginning_that_no_clock_can_show_is_unknown(timestamp: float) -> None:
    kept = reconciliation.stored(EventReconciliation(pid=7, began_timestamp=timestamp))
    assert reconciliation.resumed(kept, 0).began_timestamp is None
