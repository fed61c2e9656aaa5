"""The virtual host that the page "Why" asks about: which one, what is known of it, and the pages of what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from django.urls import reverse

from brokers import queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.why import loaded_vhost
from dashboard.why.explanations import Place
from workers import queries as worker_queries

NAMES_OFFERED = 500
NOT_OFFERED = ("celeryev.", "hareline.")


class Where:
    """`broker` and `vhost` are what the frame's switchers chose, None for all. `at` is the moment that is asked about, None for now."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.now = scope, now
        self.at: datetime | None = None
        self._brokers = [broker] if broker else list(brokers)
        self._asked_vhost = vhost

    @cached_property
    def places(self) -> list[tuple[Broker, str]]:
        return [(broker, name) for broker in self._brokers for name in loaded_vhost.vhost_names(self.scope, broker)]

    @cached_property
    def chosen(self) -> tuple[Broker, str] | None:
        """The virtual host that is asked about, else the busiest guess: the one with live workers, `/`, or the first."""
        named = [place for place in self.places if place[1] == self._asked_vhost]
        if self._asked_vhost is not None:
            return named[0] if named else None
        return min(self.places, key=lambda place: (-self._alive(*place), place[1] != "/"), default=None)

    def _alive(self, broker: Broker, vhost: str) -> int:
        return worker_queries.workers(self.scope, broker=broker.pk, vhost=vhost, state="online", page_size=1).total

    @property
    def is_known(self) -> bool:
        return self.chosen is not None

    @property
    def broker(self) -> Broker:
        """Only where `is_known`."""
        assert self.chosen is not None  # noqa: S101
        return self.chosen[0]

    @property
    def vhost(self) -> str:
        return self.chosen[1] if self.chosen else self._asked_vhost or ""

    def look_at(self, at: datetime | None) -> None:
        """Asks about a moment, None for now. Raises NotRecorded, and goes on asking about now."""
        if at is not None:
            self.place = loaded_vhost.place(self.scope, self.broker, self.vhost, self.now, at)
        self.at = at

    @cached_property
    def place(self) -> Place:
        return loaded_vhost.place(self.scope, self.broker, self.vhost, self.now)

    @property
    def exchange_names(self) -> list[str]:
        return [one.name for one in self.place.topology.exchanges if one.name][:NAMES_OFFERED]

    @property
    def queue_names(self) -> list[str]:
        """Without those that belong to one worker or to us."""
        names = [one.name for one in self.place.topology.queues]
        return [name for name in names if not name.startswith(NOT_OFFERED) and not name.endswith(".celery.pidbox")][:NAMES_OFFERED]

    @property
    def user_names(self) -> list[str]:
        """Of those who may publish something there, where permissions are known."""
        return sorted({right.user for right in self.place.rights or ()})[:NAMES_OFFERED]

    @property
    def policy_names(self) -> list[str]:
        return [one.name for one in self.place.topology.policies if not one.operator][:NAMES_OFFERED]

    @property
    def task_names(self) -> list[str]:
        return [name for name, _, _ in worker_queries.registered_tasks(self.scope, broker=self.broker.pk, vhost=self.vhost)][:NAMES_OFFERED]

    def page_of(self, kind: str, name: str) -> str:
        """The address of the page of a queue, an exchange or a worker node; "" where there is none."""
        if kind == "worker":
            return self._worker_pages.get(name, "")
        if kind == "exchange":
            found = queries.exchange(self.scope, self.broker.pk, self.vhost, name) if name else None
            return reverse("exchange", args=[found.pk]) if found else ""
        return reverse("queue", args=[self._queue_ids[name]]) if name in self._queue_ids else ""

    @cached_property
    def _queue_ids(self) -> dict[str, int]:
        return {name: pk for pk, _, name in queries.queue_names(self.scope, self.broker.pk, self.vhost)}

    @cached_property
    def _worker_pages(self) -> dict[str, str]:
        behind = [worker for found in self.place.workers.values() for worker in found]
        return {worker.hostname: reverse("worker", args=[worker.id]) for worker in behind if worker.id is not None}
