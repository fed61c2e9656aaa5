"""A broker that was polled at two moments, for tests of pages at a past one."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from brokers import store
from brokers.models import Broker, Exchange, Queue
from brokers.snapshots import METRICS
from dashboard.layout.moments import at_text
from tests.brokers.facts import a_broker, a_poll, a_queue, a_topology
from workers.models import EventSource, Task, Worker
from workers.receiving.task_order import RECEIVED, STARTED, SUCCEEDED

EARLIER = timedelta(minutes=20)


class TwoMoments:
    """Twenty minutes ago `mail` held 7 messages, `legacy` was there, and `orders` led to `mail`. Now `mail` holds 900, `modern` is there, and `orders` leads
    to it. Nothing was recorded in between. A worker node ran 3 tasks then, one of them `shop.pay`, and none now."""

    def __init__(self, now: datetime) -> None:
        self.now = now.replace(microsecond=0) - timedelta(seconds=5)
        self.then, self.changed = self.now - EARLIER, self.now - timedelta(seconds=5)
        self.broker: Broker = a_broker()
        memory = store.BrokerMemory()
        self._poll(self.then, 7, "legacy", 2, memory)
        for at in (self.changed, self.now):
            self._poll(at, 900, "modern", 0, memory)
        self._work()

    def _poll(self, at: datetime, depth: int, other: str, consumers: int, memory: store.BrokerMemory) -> None:
        queues = [a_queue("mail", ready=depth, unacknowledged=0, consumers=consumers), a_queue(other, ready=1, unacknowledged=0, consumers=1)]
        store.save_poll(self.broker.pk, a_poll(at, *queues, overview={"ready": depth + 1, "unacknowledged": 0}), at, memory)
        bound = ("orders", "old.key", "mail") if other == "legacy" else ("orders", "new.key", "modern")
        store.save_topology(self.broker.pk, {"/": a_topology(bound)}, [], [], [], at, memory)

    def _work(self) -> None:
        seen = {"broker": self.broker, "vhost": "/", "first_seen_at": self.then, "changed_at": self.now}
        self.worker = Worker.objects.create(**seen, hostname="a@web-1", state=Worker.ONLINE, active=0, concurrency=8, heartbeat_at=self.now, since=self.then)
        writer = store.SnapshotWriter(self.broker.pk, "workers")
        for at, active in ((self.then, 3), (self.now, 0)):
            numbers = {"active": active, "concurrency": 8}
            writer.write({self.worker.pk: tuple(numbers.get(metric.name) for metric in METRICS["workers"])}, at)
        times = {RECEIVED: self.then - timedelta(seconds=4), STARTED: self.then - timedelta(seconds=3), SUCCEEDED: self.then + timedelta(seconds=60)}
        tries = [[at.timestamp(), rank, "a@web-1", at.timestamp(), ""] for rank, at in times.items()]
        known = {"received_at": times[RECEIVED], "started_at": times[STARTED], "ended_at": times[SUCCEEDED], "result": "42", "worker": "a@web-1"}
        self.task = Task.objects.create(
            **{**seen, "first_seen_at": times[RECEIVED]}, uuid="7ad44b28", name="shop.pay", state="SUCCESS", queue="mail", tries=tries, **known
        )  # fmt: skip
        EventSource.objects.create(broker=self.broker, vhost="/", state=EventSource.RECEIVING, since=self.then, received_at=self.now)

    def queue(self, name: str) -> int:
        return Queue.objects.get(name=name).pk

    def exchange(self, name: str) -> int:
        return Exchange.objects.get(name=name).pk

    def address(self, path: str, at: datetime | None = None, **query: str) -> str:
        """The page at the earlier moment, or at another."""
        return f"{path}?{urlencode({**query, 'at': at_text(at or self.then)})}"
