"""Messages that come again after a connection broke: applied once, never lost."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.receiving import redeliveries
from workers.receiving.redeliveries import RETURN_SECONDS, Redeliveries


def test_a_message_that_was_handed_out_and_not_acknowledged_comes_again_once() -> None:
    found = Redeliveries()
    assert not found.hand_out(b"a", False, 0)
    found.connection_lost(1)
    assert found.hand_out(b"a", True, 2)
    assert not found.hand_out(b"a", True, 2)  # another message with the same body, which nobody got before


def test_of_two_messages_with_the_same_body_the_one_that_was_lost_is_new() -> None:
    found = Redeliveries()
    found.hand_out(b"same", False, 0)
    found.connection_lost(1)
    assert [found.hand_out(b"same", True, 2), found.hand_out(b"same", True, 2)] == [True, False]


def test_a_message_that_comes_again_and_again_is_known_each_time() -> None:
    found = Redeliveries()
    found.hand_out(b"a", False, 0)
    for moment in range(1, 60):
        found.connection_lost(moment)
        assert found.hand_out(b"a", True, moment)


def test_an_acknowledgement_counts_once_the_broker_has_shown_that_it_read_it() -> None:
    found = Redeliveries()
    found.hand_out(b"a", False, 0)
    found.acknowledge()
    assert found.needs_proof
    found.request_proof()
    found.hand_out(b"b", False, 0)
    found.acknowledge()
    assert not found.needs_proof  # one request at a time
    found.prove()
    found.connection_lost(1)
    assert [found.hand_out(b"a", True, 2), found.hand_out(b"b", True, 2)] == [False, True]


def test_what_never_came_again_is_dropped_in_time_and_beyond_a_number() -> None:
    found = Redeliveries()
    found.hand_out(b"a", False, 0)
    found.connection_lost(0)
    assert not found.hand_out(b"a", True, RETURN_SECONDS + 1)
    for number in range(redeliveries.MOST_RETURNING + 1):
        found.hand_out(b"%d" % number, False, 2 * RETURN_SECONDS)
    found.connection_lost(2 * RETURN_SECONDS)
    assert [found.hand_out(b"%d" % number, True, 2 * RETURN_SECONDS) for number in (0, 1)] == [False, True]


class Broker:
    """A queue, and one connection: what was sent on it, and what travels in each direction."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.queue = [(number, body, False) for number, body in enumerate(bodies)]
        self.sent: list[tuple[int, bytes, bool]] = []
        self.to_client: list[tuple[int, bytes, bool] | None] = []  # None: the answer to a question
        self.to_broker: list[int | None] = []  # how many of `sent` are acknowledged; None: a question
        self.read = self.got = 0
        self.found = Redeliveries()
        self.applied: list[bytes] = []

    def deliver(self) -> None:
        if self.queue:
            self.sent.append(self.queue.pop(0))
            self.to_client.append(self.sent[-1])

    def receive(self) -> None:
        if not self.to_client:
            return
        message = self.to_client.pop(0)
        if message is None:
            self.found.prove()
            return
        self.got += 1
        if not self.found.hand_out(message[1], message[2], 0):
            self.applied.append(message[1])

    def acknowledge(self) -> None:
        self.to_broker.append(self.got)
        self.found.acknowledge()
        if self.found.needs_proof:
            self.found.request_proof()
            self.to_broker.append(None)

    def take(self) -> None:
        if not self.to_broker:
            return
        command = self.to_broker.pop(0)
        if command is None:
            self.to_client.append(None)
        else:
            self.read = command

    def lose(self) -> None:
        self.queue = [(number, body, True) for number, body, _ in self.sent[self.read :]] + self.queue
        self.sent, self.to_client, self.to_broker, self.read, self.got = [], [], [], 0, 0
        self.found.connection_lost(0)


@settings(deadline=None)
@given(st.integers(0, 20), st.randoms(use_true_random=False))
def test_whatever_breaks_each_message_is_applied_exactly_once(messages: int, choose: random.Random) -> None:
    bodies = [b"%d" % number for number in range(messages)]
    broker = Broker(bodies)
    for _ in range(300):
        choose.choices([broker.deliver, broker.receive, broker.acknowledge, broker.take, broker.lose], [4, 4, 2, 2, 1])[0]()
    while broker.queue or broker.to_client:
        broker.deliver()
        broker.receive()
    assert sorted(broker.applied) == sorted(bodies)


class KilledReceiver(Broker):
    """What was applied is stored with the fingerprints, then acknowledged; a receiver that is killed leaves what it stored."""

    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__(bodies)
        self.stored: tuple[list[bytes], bytes] = ([], b"")

    def store(self) -> None:
        self.stored = (list(self.applied), self.found.dump())

    def acknowledge(self) -> None:
        self.store()
        super().acknowledge()

    def kill(self) -> None:
        self.applied, dumped = list(self.stored[0]), self.stored[1]
        self.found = Redeliveries()
        self.found.load(dumped, 0)
        self.lose()


@settings(deadline=None)
@given(st.integers(0, 20), st.randoms(use_true_random=False))
def test_whoever_is_killed_each_message_is_applied_exactly_once(messages: int, choose: random.Random) -> None:
    bodies = [b"%d" % number for number in range(messages)]
    found = KilledReceiver(bodies)
    for _ in range(300):
        choose.choices([found.deliver, found.receive, found.store, found.acknowledge, found.take, found.lose, found.kill], [4, 4, 1, 2, 2, 1, 1])[0]()
    while found.queue or found.to_client:
        found.deliver()
        found.receive()
    assert sorted(found.applied) == sorted(bodies)


def test_what_can_not_be_a_dump_is_ignored() -> None:
    found = Redeliveries()
    found.load(b"123", 0)
    assert not found.hand_out(b"a", True, 1)
