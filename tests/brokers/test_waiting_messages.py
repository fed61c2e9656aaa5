"""How many messages wait in each virtual host, from one poll to the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brokers.rates import complete_total
from brokers.stats import QueueStats
from brokers.waiting_messages import WaitingMessages

_queues = st.lists(
    st.builds(
        QueueStats,
        st.sampled_from(["/", "shop"]),
        st.just("mail"),
        type=st.sampled_from(["classic", "stream", ""]),
        ready=st.none() | st.integers(0, 9),
        unacknowledged=st.none() | st.integers(0, 9),
    ),
    max_size=5,
)


def test_streams_keep_messages_that_do_not_wait() -> None:
    queues = [QueueStats("/", "mail", type="classic", ready=3, unacknowledged=1), QueueStats("/", "log", type="stream", ready=100, unacknowledged=0)]
    found = WaitingMessages().count(queues)
    assert (found.waiting, found.in_streams, found.all_waiting) == ({"/": (3, 1)}, (100, 0), (3, 1))


def test_without_queues_nothing_waits() -> None:
    found = WaitingMessages().count([])
    assert (found.waiting, found.in_streams, found.all_waiting) == ({}, None, (0, 0))


@given(st.lists(_queues, max_size=4))
def test_the_sums_of_polls_with_some_of_the_same_objects_are_those_of_the_last_poll_alone(polls: list[list[QueueStats]]) -> None:
    waiting, kept = WaitingMessages(), list[QueueStats]()
    for queues in polls:
        kept = kept[: len(queues) // 2] + queues[len(queues) // 2 :]  # the first half are the objects of the poll before
        found = waiting.count(kept)
        of = {
            vhost: [queue for queue in kept if queue.vhost == vhost and queue.type != "stream"]
            for vhost in {queue.vhost for queue in kept if queue.type != "stream"}
        }
        assert found.waiting == {vhost: tuple(complete_total(getattr(one, name) for one in of[vhost]) for name in ("ready", "unacknowledged")) for vhost in of}
