"""What is exported of Hareline itself, and of brokers beside their figures: how old these are, what was found, how its processes are. Few series each,
so prometheus_client writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brokers.models import Broker
from brokers.polling import leases
from brokers.polling.share import lives
from brokers.scope import Scope
from dashboard import queries as dashboard_queries
from dashboard.exporting.names import Wanted
from dashboard.layout import levels
from dashboard.live.process import LiveProcess
from dashboard.operations.processes import gone
from dashboard.operations.remote_write import lag_seconds
from workers import queries as worker_queries


def own_text(scope: Scope, brokers: Sequence[Broker], wanted: Wanted, now: datetime) -> str:
    """The families that are wanted, of these brokers. What is unknown has no sample."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(namespace="hareline_web", registry=registry)
    registry.register(_Stored(scope, brokers, wanted, now))
    return generate_latest(_Chosen(registry, wanted)).decode()


class _Chosen(Collector):
    def __init__(self, registry: CollectorRegistry, wanted: Wanted) -> None:
        self._registry, self._wanted = registry, wanted

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            if self._wanted.takes(f"{metric.name}_total" if metric.type == "counter" else metric.name):
                yield metric


_MOMENTS = {
    "polled_at": ("hareline_broker_polled_timestamp_seconds", "When the poll began whose figures are stored, in seconds since 1970"),
    "topology_at": ("hareline_broker_topology_timestamp_seconds", "When exchanges, bindings and policies were last read, in seconds since 1970"),
    "consumers_at": ("hareline_broker_consumers_timestamp_seconds", "From when the numbers of consumers are, in seconds since 1970"),
}


class _Stored(Collector):
    def __init__(self, scope: Scope, brokers: Sequence[Broker], wanted: Wanted, now: datetime) -> None:
        self.scope, self.brokers, self.wanted, self.now = scope, brokers, wanted, now

    def collect(self) -> Iterator[Metric]:
        yield from self._brokers()
        yield from self._workers()
        yield from self._findings()
        yield from self._events()
        yield from self._processes()
        yield from self._remote_write()

    def _brokers(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("hareline_broker_up", "1 while the broker answers", labels=["broker"])
        age = GaugeMetricFamily("hareline_broker_data_age_seconds", "Time since the last answer that was stored", labels=["broker"])
        took = GaugeMetricFamily("hareline_broker_poll_duration_seconds", "How long the last poll took", labels=["broker"])
        objects = GaugeMetricFamily("hareline_broker_objects", "Objects of the broker by kind", labels=["broker", "kind"])
        build = GaugeMetricFamily("rabbitmq_build_info", "RabbitMQ and Erlang/OTP version info", labels=["broker", "erlang_version", "rabbitmq_version"])
        moments = {field: GaugeMetricFamily(name, words, labels=["broker"]) for field, (name, words) in _MOMENTS.items()}
        for broker in self.brokers:
            up.add_metric([broker.name], float(broker.state == Broker.UP))
            if broker.polled_at is not None:
                age.add_metric([broker.name], (self.now - broker.polled_at).total_seconds())
            if broker.poll_ms is not None:
                took.add_metric([broker.name], broker.poll_ms / 1000)
            for kind, count in () if levels.unavailable(broker, self.now) else broker.object_totals.items():
                objects.add_metric([broker.name, kind], count)
            if broker.version:
                build.add_metric([broker.name, broker.erlang_version, broker.version], 1.0)
            for field, family in moments.items():
                if (at := getattr(broker, field)) is not None:
                    family.add_metric([broker.name], at.timestamp())
        yield from (up, age, took, objects, build, *moments.values())

    def _workers(self) -> Iterator[Metric]:
        counted = GaugeMetricFamily("hareline_workers", "Celery worker nodes by state", labels=["broker", "vhost", "state"])
        for broker, vhost, state, count in worker_queries.worker_counts(self.scope):
            if self.wanted.takes_broker(broker):
                counted.add_metric([broker, vhost, state], count)
        yield counted

    def _findings(self) -> Iterator[Metric]:
        """Those about Hareline itself have the broker "". There are as many series as rules find something, in levels and brokers."""
        opened = GaugeMetricFamily("hareline_finding", "Open findings that are not silenced", labels=["rule", "level", "broker"])
        hidden = GaugeMetricFamily("hareline_findings_silenced", "Open findings that are silenced", labels=["broker"])
        age = GaugeMetricFamily("hareline_findings_age_seconds", "Time since the rules last looked", labels=["broker"])
        found = [one for one in dashboard_queries.open_findings(self.scope, bodies=False) if self._takes(one.broker)]
        silences = dashboard_queries.silences(self.now) if found else []
        keys = dashboard_queries.open_silenced(self.scope, found, silences)
        quiet = [one for one in found if one.pk in keys]
        loud = Counter((one.rule, one.level, one.broker.name if one.broker else "") for one in found if one.pk not in keys)
        for labels, count in sorted(loud.items()):
            opened.add_metric(labels, count)
        for broker, count in sorted(Counter(one.broker.name if one.broker else "" for one in quiet).items()):
            hidden.add_metric([broker], count)
        for looked in dashboard_queries.rounds(self.scope):
            if self._takes(looked.broker):
                age.add_metric([looked.broker.name if looked.broker else ""], (self.now - looked.at).total_seconds())
        yield from (opened, hidden, age)

    def _takes(self, broker: Broker | None) -> bool:
        """What is about Hareline itself is wanted with every broker."""
        return broker is None or self.wanted.takes_broker(broker.name)

    def _events(self) -> Iterator[Metric]:
        received = CounterMetricFamily("hareline_celery_events", "Celery events received", labels=["broker", "vhost"])
        lost = CounterMetricFamily("hareline_celery_events_lost", "Celery events known to be lost", labels=["broker", "vhost"])
        last = GaugeMetricFamily(
            "hareline_celery_event_timestamp_seconds", "When the last Celery event was received, in seconds since 1970", labels=["broker", "vhost"]
        )
        for source in worker_queries.event_sources(self.scope, brokers=self.brokers):
            if not self.wanted.takes_broker(source.broker.name):
                continue
            received.add_metric([source.broker.name, source.vhost], source.events)
            lost.add_metric([source.broker.name, source.vhost], source.lost_events)
            if source.received_at is not None:
                last.add_metric([source.broker.name, source.vhost], source.received_at.timestamp())
        yield from (received, lost, last)

    def _processes(self) -> Iterator[Metric]:
        beats = GaugeMetricFamily("hareline_heartbeat_age_seconds", "Time since a process last stored its heartbeat", labels=["process"])
        stored = leases.heartbeats()
        latest = {beat.kind: beat.at for beat in reversed(stored)}
        for kind, at in latest.items():
            beats.add_metric([kind], (self.now - at).total_seconds())
        counted = GaugeMetricFamily("hareline_processes", "Hareline's processes that run, or died without a successor", labels=["process", "state"])
        for state, processes in (("running", [beat for beat in stored if lives(beat, self.now)]), ("gone", gone(stored, self.now))):
            for kind, count in Counter(beat.kind for beat in processes).items():
                counted.add_metric([kind, state], count)
        sockets, topics = LiveProcess.counts()
        yield from (beats, counted)
        yield GaugeMetricFamily("hareline_live_sockets", "Pages that are connected to this web process", value=sockets)
        yield GaugeMetricFamily("hareline_live_topics", "Topics that these pages follow", value=topics)

    def _remote_write(self) -> Iterator[Metric]:
        """Of the store that is written to, where there is one; of all brokers together, so only for who may view everything."""
        row = dashboard_queries.remote_write(self.now) if self.scope.is_everything else None
        if row is None:
            return
        yield GaugeMetricFamily("hareline_remote_write_up", "1 while the long-term store takes what is written", value=float(not row.error))
        yield GaugeMetricFamily(
            "hareline_remote_write_lag_seconds", "Age of the first recorded moment that waits to be written", value=lag_seconds(row, self.now)
        )
        yield CounterMetricFamily("hareline_remote_write_samples", "Samples that the long-term store took", value=row.samples)
        yield CounterMetricFamily("hareline_remote_write_samples_dropped", "Samples that the long-term store refused for good", value=row.dropped)
