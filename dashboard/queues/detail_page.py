"""One queue's page: its numbers and charts, a message's fate in it, where messages come from, who takes them, its settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Binding, Channel, Queue
from brokers.scope import Scope
from dashboard.exchanges.row import shown_name
from dashboard.exchanges.text import BindingWords, binding_words
from dashboard.layout import formatting, levels, visibility
from dashboard.layout.addresses import tasks_address
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consuming_of
from dashboard.layout.filter_language import quoted
from dashboard.live import topics
from dashboard.queues.row import nobody_since_text, queue_row, who
from dashboard.queues.settings_text import explained
from dashboard.queues.text import Definitions, Step, limit, story
from dashboard.workers.row import worker_row
from workers import queries as worker_queries

BINDINGS_AT_MOST = 200
CONSUMERS_AT_MOST = 100


class BoundFrom(msgspec.Struct, frozen=True):
    """One binding into the queue. `url` is "" where the exchange has no row."""

    source: str
    url: str
    type: str
    words: BindingWords


class ConsumerLine(msgspec.Struct, frozen=True):
    """One consumer of the queue; `worker` is the live row of the worker node behind it, None if it isn't one that we know."""

    consuming: Consuming
    worker: Any
    worker_url: str
    prefetch: str
    prefetch_note: str
    connection: str


class QueuePage:
    """The questions of one request about a queue that exists, or did."""

    def __init__(self, scope: Scope, queue: Queue, now: datetime) -> None:
        self.scope, self.queue, self.now = scope, queue, now
        self.broker = queue.broker
        self.consuming: Sequence[Consuming] = () if queue.gone_at else consuming_of(queue)

    def head(self) -> dict[str, Any]:
        """What every part and the page itself need: the row and its topics."""
        return {"queue": self.queue, "broker": self.broker, "row": queue_row(self.queue, self.broker, self.consuming, self.now), "now": self.now}

    @property
    def topics(self) -> list[str]:
        """A queue that is gone listens only to its broker."""
        found = [topics.Topic(topics.BROKER, self.broker.pk)]
        if not self.queue.gone_at:
            found += [topics.Topic(kind, self.broker.pk, self.queue.vhost) for kind in (topics.QUEUES, topics.TOPOLOGY, topics.WORKERS)]
        return [topic.name for topic in found]

    @property
    def features(self) -> list[str]:
        """What the queue was declared as, and its policies, as short words."""
        queue = self.queue
        words = [word for word, claim in (("durable", queue.durable), ("auto-delete", queue.auto_delete), ("exclusive", queue.exclusive)) if claim]
        words += ["transient"] * (queue.durable is False)
        words += [f"policy {queue.policy}"] * bool(queue.policy)
        return words + [f"operator policy {queue.operator_policy}"] * bool(queue.operator_policy)

    @property
    def tasks_url(self) -> str:
        """The Celery tasks that were sent to it, as their senders say."""
        return tasks_address(self.broker.name, self.queue.vhost, f"queue:{quoted(self.queue.name)}")

    @property
    def reach_url(self) -> str:
        """What could come into it, by which bindings."""
        return f"{reverse('routing')}?{urlencode({'broker': self.broker.name, 'vhost': self.queue.vhost, 'of': 'reach', 'queue': self.queue.name})}"

    @property
    def hidden(self) -> str:
        """Why nothing can be said about the queue right now, "" if it can."""
        return levels.out_of_sight(self.broker, self.now)

    @property
    def level_words(self) -> tuple[str, ...]:
        """Every level's shape is in the head; the style shows the present one, so that a live change needs no fragment."""
        return levels.WORST_FIRST

    @property
    def successor_url(self) -> str:
        """The page of the queue that has this one's name now, "" if none has."""
        return self._queue_url(self.queue.name) if self.queue.gone_at else ""

    @property
    def nobody_since(self) -> str:
        return nobody_since_text(self.queue, self.now)

    @property
    def old_parts(self) -> list[dict[str, str]]:
        """What of this page can't be read now."""
        return visibility.old_parts([self.broker], self.now, visibility.ON_QUEUE)

    @property
    def declared_by(self) -> list[dict[str, str]]:
        """Living workers that say they consume the queue, for when the broker shows no consumer."""
        workers = worker_queries.workers(self.scope, broker=self.broker.pk, vhost=self.queue.vhost, state="online", page_size=500).items
        mine = [worker for worker in workers if any(one.get("name") == self.queue.name for one in worker.queues or ())]
        return [{"hostname": worker.hostname, "url": reverse("worker", args=[worker.pk])} for worker in mine[:5]]

    def policies(self) -> tuple[Definitions, Definitions]:
        """The definitions of the queue's policy and operator policy; None where it has none, or where ours may not be seen."""
        known = {(policy.operator, policy.name): policy.definition for policy in queries.policies(self.scope, self.broker.pk, self.queue.vhost)}
        return known.get((False, self.queue.policy)), known.get((True, self.queue.operator_policy))

    def story(self) -> list[tuple[Step, str, str]]:
        """Each step with the addresses of the exchange and the queue it names."""
        policy, operator_policy = self.policies()
        target = self._dead_letter_exchange()
        steps = story(
            self.queue,
            policy=policy,
            operator_policy=operator_policy,
            takers=[name for name, _ in who(self.consuming)],
            nobody_since=nobody_since_text(self.queue, self.now),
            broker_version=self.broker.version,
            dead_letter_exists=None if target is None else bool(self._exchange_url(target)),
        )
        return [(step, self._exchange_url(step.exchange), self._queue_url(step.queue)) for step in steps]

    def _dead_letter_exchange(self) -> str | None:
        arguments, policy = self.queue.arguments or {}, self.queue.effective_policy or {}
        return arguments.get("x-dead-letter-exchange", policy.get("dead-letter-exchange"))

    def _exchange_url(self, name: str | None) -> str:
        found = None if name is None else queries.exchange(self.scope, self.broker.pk, self.queue.vhost, name)
        return reverse("exchange", args=[found.pk]) if found else ""

    def _queue_url(self, name: str | None) -> str:
        found = None if name is None else queries.queue(self.scope, self.broker.pk, self.queue.vhost, name)
        return reverse("queue", args=[found.pk]) if found else ""

    def bindings(self) -> dict[str, Any]:
        """The part "bindings": how messages get in."""
        found = queries.bindings(self.scope, broker=self.broker.pk, vhost=self.queue.vhost, destination=self.queue.name, destination_type="queue")
        return {"bindings": self._bound_from(found[:BINDINGS_AT_MOST]), "bindings_count": len(found)}

    def _bound_from(self, bindings: Sequence[Binding]) -> list[BoundFrom]:
        types: dict[str, tuple[str, str]] = {}
        for name in {binding.source for binding in bindings}:
            exchange = queries.exchange(self.scope, self.broker.pk, self.queue.vhost, name)
            types[name] = (exchange.type, reverse("exchange", args=[exchange.pk])) if exchange else ("", "")
        lines = []
        for binding in sorted(bindings, key=lambda one: (not one.source, one.source, one.routing_key)):
            kind, url = types[binding.source]
            lines.append(BoundFrom(shown_name(binding.source), url, kind, binding_words(kind, binding.source, binding.routing_key, binding.arguments or {})))
        return lines

    def consumers(self) -> dict[str, Any]:
        """The part "consumers": who takes messages, and the worker nodes behind them."""
        shown = self.consuming[:CONSUMERS_AT_MOST]
        rows = {one.worker_id for one in shown if one.worker_id is not None}
        workers = {worker.pk: worker for worker in worker_queries.workers_by_ids(self.scope, rows)}
        channels = {channel.name: channel for channel in queries.channels(self.scope, self.broker.pk, self.queue.vhost)} if shown else {}
        return {"consumers": [self._line(one, workers, channels) for one in shown], "consumers_count": len(self.consuming)}

    def _line(self, one: Consuming, workers: dict[int, Any], channels: dict[str, Channel]) -> ConsumerLine:
        worker = workers.get(one.worker_id) if one.worker_id is not None else None
        prefetch, note = _prefetch(one, channels.get(one.consumer.channel_name))
        return ConsumerLine(
            one,
            worker_row(worker, self.now) if worker else None,
            reverse("worker", args=[worker.pk]) if worker else "",
            prefetch,
            note,
            one.consumer.connection_name,
        )

    def settings(self) -> dict[str, Any]:
        """Arguments and policies, each key with its sentence."""
        return {"settings": explained(self.queue, *self.policies()), "full_at": limit(self.queue, "max-length")}


def _prefetch(one: Consuming, channel: Channel | None) -> tuple[str, str]:
    """How many messages the consumer may hold, and by which of the two limits: its own, or the one its channel shares (what Celery sets)."""
    own = one.consumer.prefetch
    shared = channel.global_prefetch if channel else None
    if shared:
        return formatting.number(shared), "shared by its channel"
    if own:
        return formatting.number(own), "its own"
    if own is None or channel is None:
        return "unknown", ""
    return "no limit", "it may take everything"
