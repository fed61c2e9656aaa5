"""Whatever a long-term store does with requests, in the end it has each moment once, and what it refused for good is counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import pairwise

import pytest

from dashboard.exporting.sending import Sender
from dashboard.exporting.target import remote_target
from tests.exporting import hostile_store as hostile
from tests.exporting.hostile_store import HostileStore
from tests.exporting.watched import MAIL, Watched

pytestmark = pytest.mark.django_db
ENDS_SECONDS = 0.25
FAULTS = [
    hostile.HANGS, hostile.NEVER_READS, hostile.CUTS_REQUEST, hostile.CUTS_ANSWER, hostile.TAKES_AND_HANGS, hostile.DRIPS, hostile.NONSENSE, hostile.BUSY,
    hostile.BROKEN, "301 Moved Permanently\r\nLocation: /elsewhere", "401 Unauthorized", "503 Service Unavailable\r\nRetry-After: soon",
]  # fmt: skip
Opened = Callable[..., tuple[HostileStore, Watched]]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:

        def made(*script: str) -> tuple[HostileStore, Watched]:
            store = stack.enter_context(closing(HostileStore(script)))
            target = remote_target({"HARELINE_REMOTE_WRITE_URL": store.url}, 5.0)
            assert target is not None
            return store, Watched(stack.enter_context(closing(Sender(target, None, ENDS_SECONDS))))

        yield made


def rounds_until_written(store: HostileStore, watched: Watched, polls: int) -> None:
    for _ in range(len(FAULTS) * 3):
        watched.round(seconds=400)
        if store.store.series and store.store.values("rabbitmq_queue_messages_ready", **MAIL)[-1] == polls and not watched.row.error:
            return
    raise AssertionError(store.done)


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_each_moment_is_there_once(opened: Opened, fault: str) -> None:
    store, watched = opened(fault, hostile.TAKES)
    watched.poll(5)
    watched.round()
    rounds_until_written(store, watched, 5)
    assert store.store.values("rabbitmq_queue_messages_ready", **MAIL) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert (watched.row.dropped, watched.row.error, watched.row.failing_since) == (0, "", None)


def test_through_faults_in_any_order_and_restarts_nothing_is_lost_or_twice(opened: Opened) -> None:
    dice = random.Random(3)
    script = [fault for each in FAULTS for fault in (each, hostile.TAKES)]
    dice.shuffle(script)
    store, watched = opened(*script, hostile.TAKES)
    for number in range(len(script)):
        watched.poll()
        watched.round(seconds=400)
        if number % 5 == 4:  # killed, perhaps between the store's taking and the note of it
            watched.restart()
    rounds_until_written(store, watched, watched.polled)
    assert set(store.done) == {*FAULTS, hostile.TAKES}
    samples = store.store.samples("rabbitmq_queue_messages_ready", **MAIL)
    assert [value for _, value in samples] == [float(number) for number in range(1, watched.polled + 1)]
    assert {later - earlier for (earlier, _), (later, _) in pairwise(samples)} == {5000}
    assert watched.row.dropped == 0


def test_what_is_refused_for_good_once_is_counted_and_only_that_is_missing(opened: Opened) -> None:
    store, watched = opened(hostile.TAKES, hostile.REFUSES, hostile.TAKES)
    for _ in range(3):
        watched.poll()
        watched.round()
    assert store.store.values("rabbitmq_queue_messages_ready", **MAIL) == [1.0, 3.0]
    assert (watched.row.dropped, watched.row.refusal, watched.row.samples) == (3, "status 400", 6)


def test_it_waits_as_long_as_a_busy_store_says(opened: Opened) -> None:
    store, watched = opened(hostile.BUSY, hostile.TAKES)
    watched.poll()
    watched.round()
    watched.round(seconds=6.9)
    assert store.done == [hostile.BUSY]
    watched.round(seconds=0.2)
    assert store.done == [hostile.BUSY, hostile.TAKES]
