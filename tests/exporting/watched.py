"""A broker of one queue, whose history is written to a store."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from brokers.models import Broker, Queue
from brokers.snapshots import METRICS
from brokers.store.snapshots import SnapshotWriter
from dashboard.exporting.remote_write import Writer
from dashboard.exporting.sending import Sender
from dashboard.exporting.target import RemoteTarget
from dashboard.models import RemoteWrite
from tests.exporting.store import Store

TARGET = RemoteTarget(host="metrics.example", port=443, path="/api/v1/write?key=secret", tls=True, user="eve", password="secret", token="", every_seconds=5)
STEP = timedelta(seconds=5)
MAIL = {"broker": "prod", "queue": "mail", "vhost": "/"}


class Watched:
    """A broker that is polled each 5 s from a moment on, and what writes its history to a store. `clock` is a monotonic one."""

    def __init__(self, store: Store | Sender, began: datetime | None = None) -> None:
        self.began = self.now = began or timezone.now()
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, polled_at=self.now)
        self.queue = Queue.objects.create(broker=self.broker, vhost="/", name="mail", first_seen_at=self.now, changed_at=self.now)
        self.snapshots, self.clock, self.polled = SnapshotWriter(self.broker.pk, "queues"), 0.0, 0
        self._store = store
        self.restart()
        self.writer.round(self.now)  # history is written from now on

    def restart(self) -> None:
        """Another process goes on, with nothing but the database."""
        self.writer = Writer(TARGET, self._store.send, lambda: True, lambda: self.clock)

    def poll(self, times: int = 1) -> None:
        for _ in range(times):
            self.now, self.polled = self.now + STEP, self.polled + 1
            self.snapshots.write({self.queue.pk: (self.polled, 0, *[None] * (len(METRICS["queues"]) - 2))}, self.now)

    def round(self, seconds: float = 0.0) -> None:
        self.clock += seconds
        self.writer.round(self.now)

    @property
    def row(self) -> RemoteWrite:
        return RemoteWrite.objects.get()

    @property
    def store(self) -> Store:
        assert isinstance(self._store, Store)
        return self._store

    @property
    def written(self) -> list[float | None]:
        return self.store.values("rabbitmq_queue_messages_ready", **MAIL)
