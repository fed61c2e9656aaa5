"""Our numbers for Prometheus, built for each request from what is stored; nothing is counted twice, nothing kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brokers import parts, queries
from brokers.models import Broker
from brokers.polling import leases
from brokers.polling.share import lives
from brokers.scope import Scope
from dashboard import queries as dashboard_queries
from dashboard.layout import levels
from dashboard.live.process import LiveProcess
from dashboard.operations.processes import gone
from workers import queries as worker_queries
from workers.models import Worker

MOST_QUEUES = 500
"""The deepest queues have a series each; how many were left out is a metric of its own."""
MOST_WORKERS = 500
"""So many workers online have series of their own, the first by host name; a gauge counts the others."""

_OF_BROKERS = (
    ("ready", "messages that wait"),
    ("unacknowledged", "messages that consumers hold"),
    ("publish_per_second", "messages that come in"),
    ("deliver_per_second", "messages that go out"),
    ("ack_per_second", "messages acknowledged"),
    ("unroutable_per_second", "messages that reached no queue"),
)


def exposition(scope: Scope, now: datetime) -> bytes:
    """The text of a scrape. What is unknown has no sample."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(namespace="hareline_web", registry=registry)
    registry.register(_Stored(scope, now))
    return generate_latest(registry)


class _Stored(Collector):
    def __init__(self, scope: Scope, now: datetime) -> None:
        self.scope, self.now = scope, now

    def collect(self) -> Iterator[Metric]:
        brokers = queries.brokers(self.scope)
        yield from self._brokers(brokers)
        yield from self._queues()
        yield from self._workers()
        yield from self._findings()
        yield from self._ourselves()

    def _brokers(self, brokers: Sequence[Broker]) -> Iterator[Metric]:
        up = GaugeMetricFamily("hareline_broker_up", "1 while the broker answers", labels=["broker"])
        age = GaugeMetricFamily("hareline_broker_data_age_seconds", "since the last answer that was stored", labels=["broker"])
        took = GaugeMetricFamily("hareline_broker_poll_duration_seconds", "how long the last poll took", labels=["broker"])
        objects = GaugeMetricFamily("hareline_broker_objects", "objects of the broker by kind", labels=["broker", "kind"])
        numbers = {field: GaugeMetricFamily(f"hareline_broker_{field}", words, labels=["broker"]) for field, words in _OF_BROKERS}
        for broker in brokers:
            up.add_metric([broker.name], float(broker.state == Broker.UP))
            if broker.polled_at is not None:
                age.add_metric([broker.name], (self.now - broker.polled_at).total_seconds())
            if broker.poll_ms is not None:
                took.add_metric([broker.name], broker.poll_ms / 1000)
            for kind, count in broker.object_totals.items():
                objects.add_metric([broker.name, kind], count)
            for field, family in numbers.items():
                value = getattr(broker, field)
                if value is not None:
                    family.add_metric([broker.name], value)
        yield from (up, age, took, objects, *numbers.values())

    def _queues(self) -> Iterator[Metric]:
        labels = ["broker", "vhost", "queue"]
        families = {
            field: GaugeMetricFamily(f"hareline_queue_{field}", f"{field} of the {MOST_QUEUES} deepest queues", labels=labels)
            for field in ("ready", "unacknowledged", "consumers")
        }
        page = queries.queues(self.scope, sort="-depth", page_size=MOST_QUEUES)
        for queue in page.items:
            if levels.unread(queue.broker, parts.QUEUES, self.now):
                continue  # the age of the broker's data is not theirs
            for field, family in families.items():
                value = getattr(queue, field)
                if value is not None:
                    family.add_metric([queue.broker.name, queue.vhost, queue.name], value)
        yield from families.values()
        yield GaugeMetricFamily("hareline_queues_left_out", "queues without a series of their own", value=max(0, page.total - MOST_QUEUES))

    def _workers(self) -> Iterator[Metric]:
        counted = GaugeMetricFamily("hareline_workers", "Celery worker nodes by state", labels=["broker", "vhost", "state"])
        for broker, vhost, state, count in worker_queries.worker_counts(self.scope):
            counted.add_metric([broker, vhost, state], count)
        page = worker_queries.workers(self.scope, state=Worker.ONLINE, page_size=MOST_WORKERS)
        slots = GaugeMetricFamily("hareline_worker_slots", "tasks that the worker can run at a time", labels=["broker", "vhost", "worker"])
        active = GaugeMetricFamily("hareline_worker_active", "tasks that run", labels=["broker", "vhost", "worker"])
        for worker in page.items:
            place = [worker.broker.name, worker.vhost, worker.hostname]
            if worker.concurrency is not None:
                slots.add_metric(place, worker.concurrency)
            if worker.active is not None:
                active.add_metric(place, worker.active)
        yield from (counted, slots, active)
        yield GaugeMetricFamily("hareline_workers_left_out", "workers online without series of their own", value=max(0, page.total - MOST_WORKERS))

    def _findings(self) -> Iterator[Metric]:
        """Those about Hareline itself have the broker "". There are as many series as rules find something, in levels and brokers."""
        opened = GaugeMetricFamily("hareline_finding", "open findings that are not silenced", labels=["rule", "level", "broker"])
        hidden = GaugeMetricFamily("hareline_findings_silenced", "open findings that are silenced", labels=["broker"])
        age = GaugeMetricFamily("hareline_findings_age_seconds", "since the rules last looked", labels=["broker"])
        found = dashboard_queries.open_findings(self.scope, bodies=False)
        silences = dashboard_queries.silences(self.now) if found else []
        keys = dashboard_queries.open_silenced(self.scope, found, silences)
        quiet = [one for one in found if one.pk in keys]
        loud = Counter((one.rule, one.level, one.broker.name if one.broker else "") for one in found if one.pk not in keys)
        for labels, count in sorted(loud.items()):
            opened.add_metric(labels, count)
        for broker, count in sorted(Counter(one.broker.name if one.broker else "" for one in quiet).items()):
            hidden.add_metric([broker], count)
        for looked in dashboard_queries.rounds(self.scope):
            age.add_metric([looked.broker.name if looked.broker else ""], (self.now - looked.at).total_seconds())
        yield from (opened, hidden, age)

    def _ourselves(self) -> Iterator[Metric]:
        received = CounterMetricFamily("hareline_celery_events", "Celery events received", labels=["broker", "vhost"])
        lost = CounterMetricFamily("hareline_celery_events_lost", "Celery events known to be lost", labels=["broker", "vhost"])
        for source in worker_queries.event_sources(self.scope):
            received.add_metric([source.broker.name, source.vhost], source.events)
            lost.add_metric([source.broker.name, source.vhost], source.lost_events)
        beats = GaugeMetricFamily("hareline_heartbeat_age_seconds", "since a process last stored its heartbeat", labels=["process"])
        stored = leases.heartbeats()
        latest = {beat.kind: beat.at for beat in reversed(stored)}
        for kind, at in latest.items():
            beats.add_metric([kind], (self.now - at).total_seconds())
        counted = GaugeMetricFamily("hareline_processes", "Hareline's processes that run, or died without a successor", labels=["process", "state"])
        for state, processes in (("running", [beat for beat in stored if lives(beat, self.now)]), ("gone", gone(stored, self.now))):
            for kind, count in Counter(beat.kind for beat in processes).items():
                counted.add_metric([kind, state], count)
        sockets, topics = LiveProcess.counts()
        yield from (received, lost, beats, counted)
        yield GaugeMetricFamily("hareline_live_sockets", "pages that are connected to this web process", value=sockets)
        yield GaugeMetricFamily("hareline_live_topics", "topics that these pages follow", value=topics)
