"""The virtual host selected on the page "Why": its content, and the pages of its objects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice

from django.urls import reverse

from brokers import queries
from brokers.models import Broker
from brokers.queries import fingerprints, kept
from brokers.scope import Scope
from dashboard.why import loaded_vhost
from dashboard.why.explanations import LoadedVhost
from workers import queries as worker_queries

NAMES_OFFERED = 500
_queue_ids: kept.Kept[dict[str, int]] = kept.Kept(most=8, most_seconds=3600)
NOT_OFFERED = ("celeryev.", "hareline.")


class Where:
    """`broker` and `vhost` are those selected in the page frame, None for all. `at`: the moment in question, None for now."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.now = scope, now
        self.at: datetime | None = None
        self._brokers = [broker] if broker else list(brokers)
        self._requested_vhost = vhost

    @cached_property
    def vhosts(self) -> list[tuple[Broker, str]]:
        return [(broker, name) for broker in self._brokers for name in loaded_vhost.vhost_names(self.scope, broker)]

    @cached_property
    def chosen(self) -> tuple[Broker, str] | None:
        """The selected virtual host, else the one with most workers, those online first, then `/`, then the first."""
        named = [loaded for loaded in self.vhosts if loaded[1] == self._requested_vhost]
        if self._requested_vhost is not None:
            return named[0] if named else None
        by_workers = worker_queries.liveliest(worker_queries.worker_counts(self.scope))
        return min(self.vhosts, key=lambda loaded: (*by_workers(loaded), loaded[1] != "/"), default=None)

    @property
    def is_known(self) -> bool:
        return self.chosen is not None

    @property
    def partly_visible(self) -> str:
        """That the person sees only a part of the virtual host, in a sentence; "" if they see all of it."""
        return loaded_vhost.partly_visible(self.scope, self.broker, self.vhost) if self.is_known else ""

    @property
    def broker(self) -> Broker:
        """Only where `is_known`."""
        assert self.chosen is not None  # noqa: S101
        return self.chosen[0]

    @property
    def vhost(self) -> str:
        return self.chosen[1] if self.chosen else self._requested_vhost or ""

    def set_moment(self, at: datetime | None) -> None:
        """Selects a moment, None for now. Raises NotRecorded and keeps the current one."""
        if at is not None:
            self.loaded = loaded_vhost.load(self.scope, self.broker, self.vhost, self.now, at)
        self.at = at

    @cached_property
    def loaded(self) -> LoadedVhost:
        return loaded_vhost.load(self.scope, self.broker, self.vhost, self.now)

    def named(self, kind: str, typed: str) -> str:
        """The name of a queue, exchange, user, worker node or task that somebody typed: as it is where there is such an object, since names may
        begin and end with blanks; else without them."""
        return typed if typed == typed.strip() or typed in self._names(kind) else typed.strip()

    def _names(self, kind: str) -> Collection[str]:
        if kind == "user":
            return {right.user for right in self.loaded.rights or ()}
        if kind == "task":
            return {name for name, _, _ in worker_queries.registered_tasks(self.scope, broker=self.broker.pk, vhost=self.vhost)}
        if kind == "worker":
            return set(loaded_vhost.reporting_workers(self.scope, self.broker, self.vhost).hostnames)
        topology = self.loaded.topology
        return {one.name for one in (topology.queues if kind == "queue" else topology.exchanges)}

    @property
    def exchange_names(self) -> list[str]:
        return list(islice((one.name for one in self.loaded.topology.exchanges if one.name), NAMES_OFFERED))

    @property
    def queue_names(self) -> list[str]:
        """Without internal queues of Celery workers and of Hareline."""
        names = (one.name for one in self.loaded.topology.queues)
        return list(islice((name for name in names if not name.startswith(NOT_OFFERED) and not name.endswith(".pidbox")), NAMES_OFFERED))

    @property
    def user_names(self) -> list[str]:
        """The users who may publish there, if permissions are known."""
        return sorted({right.user for right in self.loaded.rights or ()})[:NAMES_OFFERED]

    @property
    def policy_names(self) -> list[str]:
        return sorted({one.name for one in self.loaded.topology.policies})[:NAMES_OFFERED]

    @property
    def task_names(self) -> list[str]:
        return [name for name, _, _ in worker_queries.registered_tasks(self.scope, broker=self.broker.pk, vhost=self.vhost)][:NAMES_OFFERED]

    def page_of(self, kind: str, name: str) -> str:
        """The address of the page of a queue, an exchange or a worker node; "" where there is none."""
        if kind == "worker":
            return self._worker_pages.get(name, "")
        if kind == "exchange":
            found = kept.shared(kept.state_of([self.broker]), queries.exchange, self.scope, self.broker.pk, self.vhost, name) if name else None
            return reverse("exchange", args=[found.pk]) if found else ""
        found_queue = self._queue_ids.get(name)
        return reverse("queue", args=[found_queue]) if found_queue is not None else ""

    @cached_property
    def _queue_ids(self) -> dict[str, int]:
        place = (self.broker.pk, self.vhost)
        there = kept.shared(kept.state_of([self.broker]), fingerprints.queues_fingerprint, *place)
        return _queue_ids.get((self.scope, *place), there, lambda: {name: pk for pk, _, name in queries.queue_names(self.scope, *place)})

    @cached_property
    def _worker_pages(self) -> dict[str, str]:
        behind = [worker for found in self.loaded.workers.values() for worker in found]
        return {worker.hostname: reverse("worker", args=[worker.id]) for worker in behind if worker.id is not None}
