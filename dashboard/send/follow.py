"""A task that was sent from here, as far as it has come: the sending, its events, and the queue it waits in."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from brokers.visible_reasons import visible_reason
from dashboard.layout import levels
from dashboard.layout.map_links import task_address
from dashboard.models import AuditEvent
from dashboard.send import action as sending
from dashboard.send import text as send_story
from dashboard.send.prediction import Happened, Row, rows, sent_predicted
from dashboard.send.text import QueueFacts, SentFacts, Step, TaskFacts
from dashboard.tasks.detail_page import TaskPage
from workers import queries
from workers.models import EventSource, Task
from workers.task_queue import BOTH, WORKER


class Follow:
    """The questions about one sending. `event` is its audit event."""

    def __init__(self, scope: Scope, event: AuditEvent, broker: Broker, now: datetime) -> None:
        self.scope, self.event, self.broker, self.now = scope, event, broker, now
        self.detail: dict[str, Any] = event.detail

    @property
    def uuid(self) -> str:
        return str(self.detail.get("uuid", ""))

    @cached_property
    def task(self) -> Task | None:
        return queries.task(self.scope, self.uuid, self.broker.pk, self.event.vhost)

    @cached_property
    def page(self) -> TaskPage | None:
        """What the task's own page shows of it, for the timeline."""
        return TaskPage(self.scope, self.task, self.now) if self.task else None

    @property
    def task_address(self) -> str:
        return reverse("task", args=[self.task.pk]) if self.task else ""

    @property
    def map_address(self) -> str:
        """The map with its path lit up, as far as it has come; "" while its queue is unknown, or where it was not sent."""
        exchange = self.detail.get("exchange")
        if exchange is None or self.sent.outcome in send_story.NOT_FOLLOWED:
            return ""
        queues = self.page.names if self.page else ()
        if not queues and self.queue is not None and self.queue.known:
            queues = (self.queue.name,)
        return task_address((self.broker.pk, self.broker.name), self.event.vhost, str(exchange), queues, self.task.worker if self.task else None)

    @property
    def again_address(self) -> str:
        query = urlencode({"broker": self.event.broker, "vhost": self.event.vhost, "again": self.event.pk})
        return f"{reverse('send')}?{query}"

    @cached_property
    def sent(self) -> SentFacts:
        at = datetime.fromisoformat(str(self.detail.get("sent_at") or self.event.at.isoformat()))
        place = sending.place_text(self.detail.get("exchange"), self.detail.get("routing_key"))
        reason = visible_reason(self.scope, self.broker.name, str(self.detail.get("reason", "")))
        return SentFacts(str(self.detail.get("outcome", "unknown")), reason, at, place)

    @cached_property
    def queue(self) -> QueueFacts | None:
        """The queue that it was published to by its name, or that the bindings led it to; None where they led it to several, or that is not known yet."""
        name = self.detail.get("routing_key")
        if self.detail.get("exchange"):
            name = self.task.queue if self.task else None
        if not name:
            return None
        found = broker_queries.queue(self.scope, self.broker.pk, self.event.vhost, str(name))
        known = found is not None and found.gone_at is None
        hidden = levels.unavailable(self.broker, self.now)
        return QueueFacts(str(name), known, found.consumers if found and known else None, found.ready if found and known else None, hidden)

    @cached_property
    def facts(self) -> TaskFacts | None:
        task = self.task
        if task is None:
            return None
        return TaskFacts(
            task.state, task.worker, task.received_at, task.started_at, task.ended_at, task.eta, task.runtime_seconds, task.retries, task.exception,
            task.unknown_reason,
        )  # fmt: skip

    @property
    def silent(self) -> str:
        source = queries.event_source(self.scope, self.broker, self.event.vhost)
        if source is None:
            return "no worker has sent an event in this virtual host yet, so it is followed from the first one on"
        return "" if source.state == EventSource.RECEIVING else source.reason or f"the events of workers there are {source.state}"

    @property
    def compared(self) -> list[Row]:
        """Predicted and real side by side; [] where nothing was predicted or nothing was sent."""
        predicted = sent_predicted(self.detail)
        if predicted is None:
            return []
        worker = self.task.worker if self.task else None
        return rows(predicted, Happened(self.sent.outcome, self.detail.get("exchange"), self.detail.get("routing_key"), worker, self._taken_from))

    @property
    def _taken_from(self) -> tuple[str, ...]:
        found = self.task.found if self.task else None
        return found.names if found and found.source in (WORKER, BOTH) else ()

    @property
    def title(self) -> str:
        return send_story.title(self.sent, self.facts)

    @property
    def summary(self) -> tuple[str, str]:
        return send_story.summary(self.sent, self.facts, self.queue)

    @property
    def level(self) -> str:
        return self.summary[0]

    @property
    def state_text(self) -> str:
        return self.summary[1]

    @property
    def steps(self) -> list[Step]:
        return send_story.steps(self.sent, self.facts, self.queue, self.silent, self.now)

    @property
    def goes_on(self) -> bool:
        return send_story.goes_on(self.sent, self.facts)

    @property
    def key(self) -> str:
        """The live row's key, "" before the task is stored."""
        return f"task-{self.task.pk}" if self.task else ""
