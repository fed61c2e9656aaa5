"""One queue's page: numbers and charts, what happens to a message, bindings, consumers, settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Binding, Channel, Queue
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.exchanges.row import shown_name
from dashboard.exchanges.text import BindingText, binding_text
from dashboard.findings.open_now import OpenNow, open_now
from dashboard.layout import formatting, levels, visibility
from dashboard.layout.addresses import statistics_address, tasks_address
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consumers_by_queue, consuming_of
from dashboard.layout.filter_language import quoted
from dashboard.layout.flow_patterns import QueuePattern
from dashboard.layout.queue_nodes import Taken, is_machinery, pattern_of_queue
from dashboard.layout.queues_and_nodes import arrangements
from dashboard.layout.transfers import Place, arrows
from dashboard.layout.waiting_queues import waiting_of
from dashboard.layout.wiring import wiring
from dashboard.live import topics
from dashboard.queues.row import consumer_names, no_consumer_since_text, queue_row
from dashboard.queues.settings_text import settings_with_text
from dashboard.queues.text import Definitions, Step, limit, story
from dashboard.workers.row import worker_row
from workers import queries as worker_queries

BINDINGS_AT_MOST = 200
CONSUMERS_AT_MOST = 100
TAKEN_WITHIN = timedelta(minutes=10)


class BoundFrom(msgspec.Struct, frozen=True):
    """One binding into the queue. `url` is "" where the exchange has no row."""

    source: str
    url: str
    type: str
    text: BindingText


class ConsumerLine(msgspec.Struct, frozen=True):
    """One consumer of the queue; `worker` is the live row of its Celery worker, None if it is not a known one."""

    consuming: Consuming
    worker: Any
    worker_url: str
    prefetch: str
    prefetch_note: str
    connection: str
    connection_url: str


class QueuePage:
    """The data of one request about a queue, which may be deleted."""

    def __init__(self, scope: Scope, queue: Queue, now: datetime) -> None:
        self.scope, self.queue, self.now = scope, queue, now
        self.broker = queue.broker
        self._state, self._place = kept.state_of([queue.broker]), (scope, queue.broker_id, queue.vhost)
        self.consuming: Sequence[Consuming] = () if queue.gone_at else consuming_of(queue)

    def head(self) -> dict[str, Any]:
        """Context that the page and each of its parts share."""
        row = queue_row(self.queue, self.broker, self.consuming, self.now, self.opened)
        return {"queue": self.queue, "broker": self.broker, "row": row, "now": self.now}

    @cached_property
    def opened(self) -> OpenNow:
        return open_now(self.scope, [self.broker])

    @property
    def topics(self) -> list[str]:
        """Live topics of the page; a deleted queue has only its broker's."""
        found = [topics.Topic(topics.BROKER, self.broker.pk)]
        if not self.queue.gone_at:
            found += [topics.Topic(kind, self.broker.pk, self.queue.vhost) for kind in (topics.QUEUES, topics.TOPOLOGY, topics.WORKERS)]
        return [topic.name for topic in found]

    @property
    def features(self) -> list[str]:
        """Labels such as "durable" and "policy limits"."""
        queue = self.queue
        labels = [word for word, claim in (("durable", queue.durable), ("auto-delete", queue.auto_delete), ("exclusive", queue.exclusive)) if claim]
        labels += ["transient"] * (queue.durable is False)
        labels += [f"policy {queue.policy}"] * bool(queue.policy)
        return labels + [f"operator policy {queue.operator_policy}"] * bool(queue.operator_policy)

    @property
    def tasks_url(self) -> str:
        """The tasks page, filtered by this queue."""
        return tasks_address(self.broker.name, self.queue.vhost, f"queue:{quoted(self.queue.name)}")

    @property
    def statistics_url(self) -> str:
        return statistics_address(self.broker.name, self.queue.vhost, queue=self.queue.name)

    @property
    def reach_url(self) -> str:
        """The page that explains what routes to this queue."""
        return f"{reverse('routing')}?{urlencode({'broker': self.broker.name, 'vhost': self.queue.vhost, 'of': 'reach', 'queue': self.queue.name})}"

    @property
    def balance_url(self) -> str:
        """The page of what came in and left without a counter that explains it, of the queues with this name in theirs."""
        return f"{reverse('balance')}?{urlencode({'broker': self.broker.name, 'vhost': self.queue.vhost, 'q': self.queue.name})}"

    @property
    def hidden(self) -> str:
        """Why the queue's state is unknown now; "" if it is known."""
        return levels.unavailable(self.broker, self.now)

    @property
    def level_names(self) -> tuple[str, ...]:
        """Every level; the head contains all shapes and CSS shows the current one, so a live change needs no new markup."""
        return levels.WORST_FIRST

    @property
    def successor_url(self) -> str:
        """The page of the queue that now has this name; "" if there is none."""
        return self._queue_url(self.queue.name) if self.queue.gone_at else ""

    @property
    def no_consumer_since(self) -> str:
        return no_consumer_since_text(self.queue, self.now)

    @property
    def old_parts(self) -> list[dict[str, str]]:
        """The data of this page that cannot be read now, each with its age."""
        return visibility.old_parts([self.broker], self.now, visibility.ON_QUEUE)

    @property
    def configured_workers(self) -> list[dict[str, str]]:
        """Up to five online workers that are configured for the queue, shown when the broker lists no consumer."""
        workers = worker_queries.workers(self.scope, broker=self.broker.pk, vhost=self.queue.vhost, state="online", page_size=500).items
        mine = [worker for worker in workers if any(one.get("name") == self.queue.name for one in worker.queues or ())]
        return [{"hostname": worker.hostname, "url": reverse("worker", args=[worker.pk])} for worker in mine[:5]]

    @cached_property
    def policies(self) -> tuple[Definitions, Definitions]:
        """The definitions of the queue's policy and operator policy; None where it has none or it is not visible."""
        if self.queue.past_at is not None:
            return None, None  # which were in force for it is not recorded
        known = {(policy.operator, policy.name): policy.definition for policy in kept.shared(self._state, queries.policies, *self._place)}
        return known.get((False, self.queue.policy)), known.get((True, self.queue.operator_policy))

    def story(self) -> list[tuple[Step, str, str]]:
        """(step, URL of its exchange, URL of its queue); a URL is "" where there is no such page."""
        policy, operator_policy = self.policies
        target = self._dead_letter_exchange()
        steps = story(
            self.queue,
            policy=policy,
            operator_policy=operator_policy,
            consumer_names=[one.name for one in consumer_names(self.consuming)],
            no_consumer_since=no_consumer_since_text(self.queue, self.now),
            broker_version=self.broker.version,
            dead_letter_exists=None if target is None else bool(self._exchange_url(target)),
        )
        return [(step, self._exchange_url(step.exchange), self._queue_url(step.queue)) for step in steps]

    def _dead_letter_exchange(self) -> str | None:
        arguments, policy = self.queue.arguments or {}, self.queue.effective_policy or {}
        return arguments.get("x-dead-letter-exchange", policy.get("dead-letter-exchange"))

    def _exchange_url(self, name: str | None) -> str:
        found = None if name is None else kept.shared(self._state, queries.exchange, *self._place, name)
        return reverse("exchange", args=[found.pk]) if found else ""

    def _queue_url(self, name: str | None) -> str:
        found = None if name is None else kept.shared(self._state, queries.queue, *self._place, name)
        return reverse("queue", args=[found.pk]) if found else ""

    def bindings(self) -> dict[str, Any]:
        """Context of the part "bindings": bindings to this queue."""
        where: dict[str, Any] = {"destination": self.queue.name, "destination_type": "queue"}
        if self.queue.past_at is not None:
            scope, broker, vhost = self._place
            then = queries.bindings(scope, broker=broker, vhost=vhost, at=self.queue.past_at, **where)
            return {"bindings": self._bound_from(then[:BINDINGS_AT_MOST]), "bindings_count": len(then)}
        where["page_size"] = BINDINGS_AT_MOST
        found = kept.shared(self._state, queries.binding_page, *self._place, **where)
        return {"bindings": self._bound_from(found.items), "bindings_count": found.total}

    def _bound_from(self, bindings: Sequence[Binding]) -> list[BoundFrom]:
        sources = frozenset(binding.source for binding in bindings)
        exchanges = kept.shared(self._state, queries.exchanges_named, *self._place, sources, self.queue.past_at) if sources else {}
        types = {name: (kind, reverse("exchange", args=[pk])) for name, (pk, kind) in exchanges.items()}
        lines = []
        for binding in sorted(bindings, key=lambda one: (not one.source, one.source, one.routing_key)):
            kind, url = types.get(binding.source, ("", ""))
            lines.append(BoundFrom(shown_name(binding.source), url, kind, binding_text(kind, binding.source, binding.routing_key, binding.arguments or {})))
        return lines

    def transfers(self) -> dict[str, Any]:
        """Context of the part "transfers": what shovels and federation move into the queue and out of it."""
        hosts = [host for address in self.broker.addresses if (host := urlsplit(address).hostname)]
        place = Place("queue", self.queue.name, self.queue.vhost, hosts, self.queue.effective_policy or {})
        found = [] if self.queue.gone_at or self.queue.past_at else arrows(place, kept.shared(self._state, queries.transfers, self.scope, self.broker.pk))
        return {"arrows": [(arrow, self._queue_url(arrow.queue or None) or self._exchange_url(arrow.exchange or None)) for arrow in found]}

    def consumers(self) -> dict[str, Any]:
        """Context of the part "consumers": consumers and their Celery workers."""
        shown = self.consuming[:CONSUMERS_AT_MOST]
        rows = {one.worker_id for one in shown if one.worker_id is not None}
        workers = {worker.pk: worker for worker in worker_queries.workers_by_ids(self.scope, rows)}
        names, where = {name for one in shown if (name := one.connection_name)}, (self.scope, self.broker.pk, self.queue.vhost)
        channels = {channel.name: channel for channel in queries.channels(*where, connections=names)} if names else {}
        pages = {one.name: reverse("connection", args=[one.pk]) for one in queries.connections(*where, names=names)} if names else {}
        lines = [self._line(one, workers, channels, pages) for one in shown]
        return {"consumers": lines, "consumers_count": len(self.consuming), "pattern": self._pattern(workers, channels)}

    def _pattern(self, workers: dict[int, Any], channels: dict[str, Channel]) -> QueuePattern | None:
        """Whether other queues get copies, and how nodes share the work; None of a queue that is deleted or as it was, and while who consumes it is unknown."""
        queue = self.queue
        if queue.gone_at or queue.past_at is not None or (queue.consumers != 0 and not self.consuming):
            return None
        taken = {}
        if len({one.hostname for one in self.consuming if one.hostname}) > 1:
            counts = worker_queries.takers_of_queue(queue.broker_id, queue.vhost, queue.name, self.now - TAKEN_WITHIN)
            taken = {hostname: Taken(*counted) for hostname, counted in counts.items()}
        names = kept.shared(self._state, worker_queries.names_of, self.broker.pk, queue.vhost)
        cells = [
            (name, one.hostname)
            for (vhost, name), members in consumers_by_queue(queue.broker_id, queue.vhost, self.broker).items()
            if vhost == queue.vhost and self.scope.covers(self.broker.name, vhost, name) and not is_machinery(name, names)
            for one in members
            if one.hostname
        ]
        unclear = [queue.name] if any(not one.hostname for one in self.consuming) else []
        relation = arrangements([queue.name], (), cells, unclear).queues[queue.name]
        wired = wiring(queries.visible_topology(self.scope, self.broker, queue.vhost, self._state))
        found = pattern_of_queue(queue, self.consuming, wired, workers, channels, taken)
        return msgspec.structs.replace(found, relation=relation, partly=not self.scope.covers(self.broker.name, queue.vhost))

    def _line(self, one: Consuming, workers: dict[int, Any], channels: dict[str, Channel], pages: dict[str, str]) -> ConsumerLine:
        worker = workers.get(one.worker_id) if one.worker_id is not None else None
        prefetch, note = _prefetch(one, channels.get(one.consumer.channel_name))
        return ConsumerLine(
            one,
            worker_row(worker, self.now, opened=self.opened) if worker else None,
            reverse("worker", args=[worker.pk]) if worker else "",
            prefetch,
            note,
            one.connection_name,
            pages.get(one.connection_name, ""),
        )

    def waiting(self) -> dict[str, Any]:
        """Context of the part "waiting": where what waits for its workers is; None of a queue of which nothing does."""
        if self.queue.past_at is not None:
            return {"waiting": None}
        return {"waiting": waiting_of(self.scope, [self.queue]).get(self.queue.pk)}

    def settings(self) -> dict[str, Any]:
        """Context of the part "settings": arguments and policies by key."""
        return {"settings": settings_with_text(self.queue, *self.policies, self.broker.version), "full_at": limit(self.queue, "max-length")}


def _prefetch(one: Consuming, channel: Channel | None) -> tuple[str, str]:
    """(limit, note): how many unacknowledged messages the consumer may hold, per consumer or shared on its channel (as Celery sets it)."""
    own = one.consumer.prefetch
    shared = channel.global_prefetch if channel else None
    if shared:
        return formatting.number(shared), "per channel"
    if own:
        return formatting.number(own), "per consumer"
    if own is None or channel is None:
        return "unknown", ""
    return "no limit", "may receive every ready message"
