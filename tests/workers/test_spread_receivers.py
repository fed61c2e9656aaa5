"""Several receivers: the virtual hosts of a broker are spread over them, each is one process's at a time, and one that stops gives them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker, Exchange, Lease
from brokers.polling import leases
from brokers.polling.share import Share
from workers.models import EventSource
from workers.receiving.broker_watch import SHARED, Allowed, BrokerWatch

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
VHOSTS = ["/", "billing", "mail", "shop"]


@pytest.fixture
def broker() -> Broker:
    now = datetime.now(UTC)
    row = broker_store.ensure_brokers([ADDRESS], now)["prod"]
    facts = {"type": "topic", "durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
    Exchange.objects.bulk_create(Exchange(broker=row, vhost=vhost, name="celeryev", **facts) for vhost in VHOSTS)
    return row


class Receiver:
    """A process of its own, but for its rounds, which the test runs."""

    def __init__(self, broker: Broker, holder: str, older: bool = False) -> None:
        self.holder, self.older = holder, older
        self.share = Share("receiver", SHARED, holder, settled_after=timedelta(0))
        allowed = Allowed(receives_events=False, inspects=False)
        self.watch = BrokerWatch(ADDRESS, broker.pk, "test", allowed, holder, share=None if older else self.share)

    def round(self) -> None:
        now = datetime.now(UTC)
        leases.beat("receiver", self.holder, now, reported=leases.Facts(now, "1", None if self.older else ["prod"]))
        self.share.look(now)
        self.watch._round()

    def end(self) -> None:
        self.watch.stop()
        self.watch.run()

    @property
    def watched(self) -> set[str]:
        return {place.vhost for place in self.watch._watches}


@pytest.fixture
def receivers(broker: Broker) -> Iterator[dict[str, Receiver]]:
    found = {name: Receiver(broker, name, older=name == "old") for name in ("one", "two", "old")}
    yield found
    for receiver in found.values():
        receiver.end()


def holders() -> dict[str, str]:
    return {row.name.removeprefix("events prod "): row.holder for row in Lease.objects.filter(name__startswith=SHARED)}


def test_virtual_hosts_are_spread_and_come_back_when_one_stops(receivers: dict[str, Receiver]) -> None:
    one, two = receivers["one"], receivers["two"]
    one.round()  # finds them
    one.round()
    assert one.watched == set(VHOSTS)
    for _ in range(2):
        two.round()
        one.round()
        assert not one.watched & two.watched
    two.round()
    assert Counter(holders().values()) == {"one": 2, "two": 2}
    assert (one.watched | two.watched, len(two.watched), two.watch.standing_by) == (set(VHOSTS), 2, False)
    kept = set(one.watched)
    for _ in range(3):
        one.round()
        two.round()
    assert one.watched == kept
    two.end()
    leases.note_end("receiver", "two", datetime.now(UTC))
    for _ in range(2):
        one.round()
    assert one.watched == set(VHOSTS)
    assert set(holders().values()) == {"one"}


def test_a_virtual_host_whose_exchanges_are_gone_is_noted_by_the_process_that_watched_it(receivers: dict[str, Receiver]) -> None:
    one, two = receivers["one"], receivers["two"]
    for _ in range(3):
        one.round()
        two.round()
    (gone, *_) = two.watched  # one leads
    Exchange.objects.filter(vhost=gone).delete()
    for receiver in (one, two):
        receiver.watch._finder._next_look = 0.0
        receiver.round()
    source = EventSource.objects.get(vhost=gone)
    assert (source.state, source.beat_at) == (EventSource.UNKNOWN, None)
    assert source.reason.startswith("Celery’s exchanges are gone")
    assert gone not in holders()


def test_beside_an_older_receiver_that_leads_the_others_stand_by(receivers: dict[str, Receiver]) -> None:
    old, one = receivers["old"], receivers["one"]
    old.round()
    for _ in range(2):
        one.round()
    assert (old.watched, one.watched, one.watch.standing_by) == (set(VHOSTS), set(), True)
    old.end()
    leases.note_end("receiver", "old", datetime.now(UTC))
    for _ in range(3):
        one.round()
    assert one.watched == set(VHOSTS)


def test_a_receiver_that_was_paused_watches_nothing_that_another_one_took_meanwhile(receivers: dict[str, Receiver]) -> None:
    one, two = receivers["one"], receivers["two"]
    for _ in range(2):
        one.round()
    Lease.objects.update(holder="two", expires_at=datetime.now(UTC) + timedelta(minutes=1))
    two.round()
    one.watch._round()  # before it looks again
    assert one.watched == set()
