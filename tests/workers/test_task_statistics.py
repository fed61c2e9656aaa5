"""Statistics of tasks against a count of our own: whatever order events come in, however often, and wherever a crash cuts in."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.models import Broker
from brokers.scope import EVERYTHING, NOTHING, Place, Scope
from workers import queries, store
from workers.models import CountedBatch, TaskStatistic, TaskTotal
from workers.queries import StatisticsQuestion
from workers.receiving.events import Event
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_order import EVENTS, FAILED, STARTED, SUCCEEDED
from workers.store.task_statistics import save_counted
from workers.task_queue import TaskQueue
from workers.task_statistics import (
    DAY,
    HOUR,
    MINUTE,
    OTHERS,
    TIERS,
    Counted,
    Key,
    decoded_batch,
    encoded_batch,
    limited,
    merged,
    nothing,
    spans,
    summed,
    tier_for,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = NOON.timestamp()
KINDS = [event.removeprefix("task-") for event in EVENTS]


def event(kind: str, uuid: str, seconds: float, clock: int = 1, **known: object) -> Event:
    return Event(f"task-{kind}", "w@here", START + seconds, clock=clock, pid=1, uuid=uuid, **known)  # type: ignore[arg-type]


def counts(*events: Event, buffer: TaskBuffer | None = None) -> dict[Key, Counted]:
    """What is counted of the events, which came together a minute after noon."""
    buffer = TaskBuffer() if buffer is None else buffer
    buffer.add_events(events, START + 60)
    buffer.settle({})
    return buffer.statistics.count()


def whole(found: dict[Key, Counted]) -> Counted:
    return merged(found.values())


def life(uuid: str, name: str, began: float, runtime: float = 2.0, end: str = "succeeded") -> list[Event]:
    known = {"runtime": runtime} if end == "succeeded" else {}
    return [
        event("received", uuid, began, 1, name=name, retries=0),
        event("started", uuid, began + 3, 2),
        event(end, uuid, began + 3 + runtime, 3, **known),
    ]


def test_each_event_counts_in_the_minute_in_which_it_happened() -> None:
    found = counts(*life("1", "shop.pay", -4.0))
    assert {(key.start - START, key.name): counted.events for key, counted in found.items()} == {
        (-60, "shop.pay"): [0, 1, 1, 0, 0, 0, 0, 0],
        (0, "shop.pay"): [0, 0, 0, 0, 0, 0, 0, 1],
    }


def test_waits_are_from_receipt_or_eta_and_runtimes_as_the_worker_measured_them_or_of_a_failure_from_its_start() -> None:
    held = event("received", "3", 0.0, name="a", eta=datetime.fromtimestamp(START + 10, UTC).isoformat())
    found = whole(counts(*life("1", "a", 0, 2.0), *life("2", "a", 0, 5.0, "failed"), held, event("started", "3", 11.0, 4)))
    assert found.waits.count == 3 and found.waits.longest == 3.0 and found.waits.total == 7.0
    assert found.runtimes.count == 2 and found.runtimes.total == 7.0


def test_a_wait_counts_from_the_sending_where_that_is_known() -> None:
    sent = Event("task-sent", "gen1@web", START - 20, clock=1, pid=9, uuid="1", name="a")
    assert whole(counts(sent, *life("1", "a", 0))).waits.longest == 23.0


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("eta", "second"), [(None, 2.0), (8.0, 1.0)])
def test_each_try_waits_from_its_own_sending_retry_or_eta_whichever_batch_it_comes_in(at_once: bool, eta: float | None, second: float) -> None:
    again = {} if eta is None else {"eta": datetime.fromtimestamp(START + eta, UTC).isoformat()}
    events = [Event("task-sent", "gen1@web", START - 20, clock=1, pid=9, uuid="1", name="a"), *life("1", "a", 0, 4.0, "retried")]
    events += [event("received", "1", 7.5, 4, name="a", retries=1, **again), event("started", "1", 9, 5)]
    buffer = TaskBuffer()
    for batch in [events] if at_once else [[one] for one in events]:
        counts(*batch, buffer=buffer)
    waits = whole(buffer.statistics.counts).waits
    assert (waits.count, waits.longest, round(waits.total, 6)) == (2, 23.0, 23.0 + second)


def test_a_start_without_a_receipt_has_no_known_wait_and_a_failure_without_a_start_no_runtime() -> None:
    found = whole(counts(event("started", "1", 0), event("failed", "2", 0)))
    assert (found.started, found.failed, found.waits.count, found.runtimes.count) == (1, 1, 0, 0)
    assert found.failed_share == 1.0 and nothing().failed_share is None


def test_the_queue_is_the_one_that_is_known_when_the_batch_is_stored() -> None:
    buffer = TaskBuffer()
    buffer.add_events(life("1", "a", 0) + life("2", "a", 0), START + 60)
    buffer.settle({})
    buffer.records["1"].found = TaskQueue(("jobs",), "worker")
    buffer.records["2"].found = TaskQueue(("jobs", "more"), "routing")
    assert Counter(key.queue for key in buffer.statistics.count()) == {"jobs": 1, "": 1}


def test_an_event_of_last_week_or_of_the_year_3000_counts_as_of_its_receipt() -> None:
    found = counts(event("received", "1", -8 * DAY), event("received", "2", 1e10), Event("task-received", "w@here", None, uuid="3"))
    assert {key.start - START for key in found} == {60}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(0, 3)), max_size=40), st.randoms(), st.integers(1, 5))
def test_events_that_come_again_late_or_in_any_order_count_once(events: list[tuple[int, str, int]], order: random.Random, parts: int) -> None:
    sent = [event(kind, str(number), 10.0 * tick, 10 * tick + KINDS.index(kind), name="a", runtime=1.0) for number, kind, tick in events]
    come = sent + order.sample(sent, len(sent) // 2)
    order.shuffle(come)
    buffer = TaskBuffer()
    for part in range(parts):
        counts(*come[part::parts], buffer=buffer)
    by_hand = Counter(kind for _, kind, _ in set(events))
    assert dict(zip(KINDS, whole(buffer.statistics.counts).events, strict=True)) == {kind: by_hand[kind] for kind in KINDS}


@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.sampled_from("ab"), st.sampled_from((STARTED, SUCCEEDED, FAILED)), st.floats(0.001, 99.0)), max_size=30))
def test_minutes_hours_and_days_have_the_same_sums(happened: list[tuple[int, str, int, float]]) -> None:
    parts = []
    for at, name, rank, seconds in happened:
        counted = nothing()
        counted.events[rank] += 1
        counted.runtimes.add(seconds)
        parts.append((Key(at, name, "q"), counted))
    named = parts
    for tier in TIERS:
        named = list(summed(named, tier).items())
        assert all(key.start % tier == 0 for key, _ in named)
        for name in "ab":
            own, others = (merged(counted for key, counted in some if key.name == name) for some in (parts, named))
            assert (own.events, own.runtimes.buckets, own.runtimes.longest) == (others.events, others.runtimes.buckets, others.runtimes.longest)
    assert [(key, counted) for key, counted in decoded_batch(encoded_batch(named))] == named


@given(st.integers(0, 900), st.integers(1, 900), st.sampled_from(TIERS), st.sampled_from((0, 1, 70, 2000)))
def test_spans_have_each_moment_of_their_range_once_in_few_periods(first: int, length: int, seconds: int, ago: int) -> None:
    since, until = first * seconds, (first + length) * seconds
    now = until + ago * MINUTE
    found = spans(since, until, seconds, now)
    covered = sorted((start, start + span.seconds) for span in found for start in range(span.first, span.end or now + 1, span.seconds))
    assert covered[0][0] == since and all(one[1] == other[0] for one, other in pairwise(covered))
    assert covered[-1][1] > now - seconds if any(span.end is None for span in found) else covered[-1][1] == until
    assert len(covered) <= 2 * 59 + 2 * 23 + length * seconds // DAY + 2


def test_names_beyond_those_of_a_day_are_counted_together_by_queue_as_long_as_these_are_few() -> None:
    known: set[tuple[str, str]] = set()
    found = [limited(Key(0, name, queue), known, 2, 1)[1:] for name, queue in ("aq", "bq", "cq", "cr", "aq", "dq")]
    assert found == [("a", "q"), ("b", "q"), (OTHERS, "q"), (OTHERS, OTHERS), ("a", "q"), (OTHERS, "q")]


@pytest.mark.parametrize(
    ("since", "length", "tier"),
    [
        (HOUR, HOUR, MINUTE),
        (6 * HOUR, 6 * HOUR, MINUTE),
        (DAY, DAY, HOUR),
        (7 * DAY, 7 * DAY, HOUR),
        (3 * DAY, HOUR, HOUR),
        (100 * DAY, HOUR, DAY),
        (9999 * DAY, 60, DAY),
    ],
)
def test_a_range_is_answered_from_the_shortest_periods_that_are_kept_and_not_too_many(since: int, length: int, tier: int) -> None:
    assert tier_for(NOON - timedelta(seconds=since), NOON - timedelta(seconds=since - length), NOON) == tier


@pytest.fixture
def broker(db: None) -> Broker:
    return Broker.objects.create(name="prod")


def counted(name: str, queue: str, at: float = START, succeeded: int = 1, runtime: float = 1.0) -> dict[Key, Counted]:
    one = nothing()
    one.events[SUCCEEDED] = succeeded
    one.runtimes.add(runtime)
    return {Key(int(at // 60) * 60, name, queue): one}


def stored(scope: Scope = EVERYTHING, seconds: int = HOUR, **narrowed: object) -> Counter[tuple[str, str]]:
    question = StatisticsQuestion(NOON - timedelta(days=3), NOON + timedelta(days=1), seconds, **narrowed)  # type: ignore[arg-type]
    found: Counter[tuple[str, str]] = Counter()
    for part in queries.task_statistics(scope, question):
        found[part.name, part.queue] += part.counted.succeeded
    return found


@pytest.mark.parametrize("seconds", TIERS)
def test_what_waits_to_be_summed_and_what_is_summed_are_counted_once_each(broker: Broker, seconds: int) -> None:
    for _ in range(3):
        save_counted(broker.pk, "/", counted("a", "q") | counted("b", "q", START - 90))
    before = stored(seconds=seconds)
    assert store.sum_statistics() == 3
    save_counted(broker.pk, "/", counted("a", "q", START - 90))
    assert (before, stored(seconds=seconds)) == ({("a", "q"): 3, ("b", "q"): 3}, {("a", "q"): 4, ("b", "q"): 3})
    store.sum_statistics(most_batches=1)
    assert stored(seconds=seconds) == {("a", "q"): 4, ("b", "q"): 3}
    assert not CountedBatch.objects.exists()


def test_a_sum_that_fails_leaves_every_batch_for_the_next(broker: Broker) -> None:
    save_counted(broker.pk, "/", counted("a", "q"))
    store.sum_statistics()
    row = TaskStatistic.objects.filter(seconds=DAY)
    intact = bytes(row.get().sketches)
    row.update(sketches=b"no sketch")
    save_counted(broker.pk, "/", counted("a", "q"))
    with pytest.raises(msgspec.ValidationError):
        store.sum_statistics()
    row.update(sketches=intact)
    assert stored() == {("a", "q"): 2}
    store.sum_statistics()
    assert (stored(), stored(seconds=DAY)) == ({("a", "q"): 2}, {("a", "q"): 2})


def test_a_batch_that_cant_be_read_is_left_out_and_stops_no_other(broker: Broker) -> None:
    CountedBatch.objects.create(broker=broker, vhost="/", counts=b"nonsense")
    save_counted(broker.pk, "/", counted("a\x00\ud800" + "b" * 600, "q"))
    assert store.sum_statistics() == 2
    assert [len(name) for name, _ in stored()] == [500]


def test_who_may_see_some_queues_sees_counts_of_these_only(broker: Broker) -> None:
    for name, queue in (("a", "orders"), ("b", "mail"), ("c", ""), (OTHERS, OTHERS)):
        save_counted(broker.pk, "/", counted(name, queue))
    only = Scope((Place(broker=("prod",), queue=("ord*",)),))
    waiting = stored(only)
    store.sum_statistics()
    assert waiting == stored(only) == {("a", "orders"): 1}
    assert stored(NOTHING) == {} and len(stored()) == 4
    assert stored(Scope((Place(vhost=("other",)),))) == {}


def test_a_question_is_narrowed_by_name_queue_and_virtual_host(broker: Broker) -> None:
    save_counted(broker.pk, "/", counted("a", "q") | counted("b", ""))
    for _ in range(2):
        assert stored(name="a") == stored(queue="q") == {("a", "q"): 1}
        assert stored(queue="") == {("b", ""): 1}
        assert stored(vhost="other") == stored(broker="other") == {}
        store.sum_statistics()


def test_a_hundred_names_too_many_are_other_names_on_that_day(broker: Broker) -> None:
    for number in range(12):
        save_counted(broker.pk, "/", counted(f"name-{number}", "q"))
        store.sum_statistics(most_pairs=5)
    assert stored()[OTHERS, "q"] == 7 and len(stored()) == 6
    save_counted(broker.pk, "/", counted("name-11", "q", START - DAY))
    store.sum_statistics(most_pairs=5)
    assert stored()["name-11", "q"] == 1


def test_minutes_are_kept_two_days_hours_ninety_and_days_two_years(broker: Broker) -> None:
    for days in (0, 3, 100, 800):
        save_counted(broker.pk, "/", counted("a", "q", START - days * DAY))
    store.sum_statistics()
    assert store.trim_statistics(NOON, most=4) == 4
    assert store.trim_statistics(NOON) == 2
    assert Counter(TaskStatistic.objects.values_list("seconds", flat=True)) == {MINUTE: 1, HOUR: 2, DAY: 3}


@pytest.mark.parametrize("seconds", TIERS)
def test_periods_in_which_tasks_came_are_those_of_the_virtual_host_whoever_may_view_how_much_of_it(broker: Broker, seconds: int) -> None:
    for ago, name, vhost in ((0, "a", "/"), (90, "a", "/"), (90, "b", "/"), (7000, "b", "/"), (200, "c", "other"), (90_000, "a", "/")):
        save_counted(broker.pk, vhost, counted(name, "q", START - ago))
    place, question = (broker.pk, "/"), StatisticsQuestion(NOON - timedelta(days=2), NOON + timedelta(minutes=1), seconds)
    wanted = {int((START - ago) // seconds) * seconds for ago in (0, 90, 7000, 90_000)}
    every_queue = Scope((Place(queue=("*",)),))  # read by another query
    for _ in range(2):
        for scope in (EVERYTHING, every_queue, Scope((Place(vhost=("/",)),))):
            assert queries.counted_periods(scope, question, {place})[place] == {start for start in wanted if start >= question.since.timestamp()}
        store.sum_statistics()


def totals() -> list[tuple[str, str, int]]:
    return list(TaskTotal.objects.order_by("id").values_list("name", "queue", "succeeded"))


def test_totals_only_grow_also_when_the_periods_that_they_are_of_are_deleted(broker: Broker) -> None:
    save_counted(broker.pk, "/", counted("a", "q", START - 2 * DAY, succeeded=3) | counted("a", "q", succeeded=2) | counted("b", "q"))
    store.sum_statistics()
    assert totals() == [("a", "q", 5), ("b", "q", 1)]
    save_counted(broker.pk, "/", counted("a", "q", START - 800 * DAY) | {Key(int(START), "silent", "q"): nothing()})
    store.sum_statistics()
    assert totals() == [("a", "q", 6), ("b", "q", 1)]
    store.trim_statistics(NOON)
    assert totals() == [("a", "q", 6), ("b", "q", 1)]


def test_a_total_that_has_not_grown_for_a_month_ends(broker: Broker) -> None:
    save_counted(broker.pk, "/", counted("a", "q", START - 40 * DAY) | counted("b", "q", START - 20 * DAY))
    store.sum_statistics()
    store.trim_statistics(NOON)
    assert totals() == [("b", "q", 1)]
