"""A failed poll is a gap: in history, sparklines and the past, from its beginning to the next answer, and up to now while there is none."""

from __future__ import annotations

import pytest
import zstandard

from brokers import queries, store
from brokers.errors import NotRecorded
from brokers.models import Broker, Snapshot
from brokers.parts import EXCHANGES
from brokers.scope import EVERYTHING
from brokers.snapshots import Encoder, Frame, gap_frame, moment_of
from brokers.stats import ExchangeStats
from tests.brokers.facts import a_broker, a_poll, a_queue, a_topology, after
from tests.every_case import every_case

pytestmark = pytest.mark.django_db
OUTAGE = (62, 112)


def answer(broker: Broker, memory: store.BrokerMemory, seconds: float, **fields: object) -> None:
    queue = a_queue("mail", ready=5, unacknowledged=0, consumers=0)
    store.save_poll(broker.pk, a_poll(after(seconds), queue, overview={"ready": 5, "unacknowledged": 0}, **fields), after(seconds), memory)


def fail(broker: Broker, memory: store.BrokerMemory, seconds: float) -> None:
    store.save_failure(broker.pk, Broker.UNREACHABLE, "refused", after(seconds + 3), 3000, memory, began_at=after(seconds))


@pytest.fixture(scope="module")
def polled(module_rows: None) -> int:
    """Polled every 5 s for five minutes, out of reach for 50 s of them."""
    broker, memory = a_broker(), store.BrokerMemory()
    for seconds in range(2, 300, 5):
        (fail if OUTAGE[0] <= seconds < OUTAGE[1] else answer)(broker, memory, seconds)
    return broker.pk


@pytest.fixture
def broker(polled: int) -> Broker:
    return Broker.objects.get(pk=polled)


def course(broker: Broker, step: float, start: float = 0, end: float = 295, kind: str = "queues") -> dict[float, float | None]:
    queue = queries.queue(EVERYTHING, broker.pk, "/", "mail")
    assert queue is not None
    found = queries.history(EVERYTHING, broker.pk, kind, queue.pk if kind == "queues" else None, ["ready"], after(start), after(end), step)
    return {(time - after(0)).total_seconds(): value for time, value in zip(found.times, found.values["ready"], strict=True)}


@every_case("kind", ["queues", "broker"], str)
def test_the_gap_begins_with_the_first_poll_that_failed_and_ends_with_the_next_answer(broker: Broker, kind: str) -> None:
    values = course(broker, 5, start=2, kind=kind)
    assert {seconds for seconds, value in values.items() if value is None} == set(range(62, 112, 5))
    assert {value for value in values.values() if value is not None} == {5}


@every_case("step", [5, 15, 60, 75, 95], str)
def test_no_step_of_a_chart_is_so_long_that_a_gap_of_half_of_it_is_drawn_as_a_line(broker: Broker, step: int) -> None:
    for start in range(2, step + 2, max(1, step // 5)):
        values = course(broker, step, start)
        assert None in values.values()
        assert all(OUTAGE[0] <= seconds <= OUTAGE[1] + step for seconds, value in values.items() if value is None)


def test_a_single_poll_that_failed_does_not_hide_a_point_of_five_minutes() -> None:
    broker, memory = a_broker("another"), store.BrokerMemory()
    for seconds in range(0, 605, 5):
        (fail if seconds == 400 else answer)(broker, memory, seconds)
    assert set(course(broker, 300, 0, 600).values()) == {5}
    assert course(broker, 5, 395, 410) == {395: 5, 400: None, 405: 5, 410: 5}


def test_a_broker_that_is_still_down_is_unknown_up_to_now(broker: Broker) -> None:
    memory = store.BrokerMemory()  # of a poller that was just started
    fail(broker, memory, 299)
    for seconds in range(304, 350, 5):
        fail(broker, memory, seconds)
    assert {value for seconds, value in course(broker, 5, 299, 350).items()} == {None}
    queue = queries.queue(EVERYTHING, broker.pk, "/", "mail")
    assert queue is not None
    (line,) = queries.sparklines(EVERYTHING, broker.pk, "queues", [queue.pk], "ready", after(290), after(350), 7).values()
    assert line == [5, None, None, None, None, None, None]
    assert Snapshot.objects.filter(kind="queues", at__gte=after(299)).count() == 1  # once an outage, not once a try


def test_of_a_moment_in_a_gap_nothing_is_recorded(broker: Broker) -> None:
    with pytest.raises(NotRecorded):
        queries.broker(EVERYTHING, "prod", at=after(70))
    found = queries.queue(EVERYTHING, "prod", "/", "mail", at=after(60))
    assert found is not None and found.ready == 5


def test_exchanges_that_can_not_be_read_have_a_gap_of_their_own() -> None:
    broker, memory = a_broker("another"), store.BrokerMemory()
    store.save_topology(broker.pk, {"/": a_topology(("orders", "a", "mail"))}, None, None, None, after(0), memory)
    for seconds in range(0, 60, 5):
        fields = {"failed": frozenset({EXCHANGES})} if 30 <= seconds < 40 else {"exchanges": [ExchangeStats("/", "orders", seconds * 10, 0)]}
        answer(broker, memory, seconds, **fields)
    exchange = queries.exchange(EVERYTHING, broker.pk, "/", "orders")
    assert exchange is not None
    found = queries.history(EVERYTHING, broker.pk, "exchanges", exchange.pk, ["publish_in_per_second"], after(20), after(55), 5)
    assert found.values["publish_in_per_second"] == [10, 10, None, None, 10, 10, 10, 10]
    assert set(course(broker, 5, 20, 55).values()) == {5}


def test_a_frame_of_a_gap_is_an_empty_keyframe_to_who_does_not_know_it() -> None:
    data = gap_frame("queues", 5)
    frame = Frame(data, zstandard.ZstdDecompressor())
    assert (frame.is_key, frame.is_gap, len(frame.ids), data[0]) == (True, True, 0, 1)
    earlier = Encoder("queues").encode({7: (1, 2, 3, None, None, None, None, None)}, 5, is_key=True)
    assert moment_of("queues", [earlier, data]).column("ready") == {}


def test_histories_of_before_are_read_as_they_were() -> None:
    """A frame written by the version that knew no gaps."""
    broker, memory = a_broker("another"), store.BrokerMemory()
    answer(broker, memory, 0)
    data = bytes(Snapshot.objects.get(broker=broker, kind="queues").data)
    assert data[1] & 4 == 0
    assert set(course(broker, 5, 0, 15).values()) == {5}
    assert course(broker, 5, 16, 26) == {16: None, 21: None, 26: None}
