"""The exported families: their names, types, help and labels. Pure.

Where an exporter of RabbitMQ or Celery has the same figure with the same meaning, its name is used: of RabbitMQ's own plugin (rabbitmq_prometheus, per
object) and of celery-exporter. What only Hareline has begins with `hareline_`. The same names go to a scrape and to remote write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Figure(NamedTuple):
    """A family: `field` is what the rows, and `brokers.snapshots.METRICS` where it is recorded, call it."""

    field: str
    name: str
    text: str
    type: str = "gauge"


LEFT_OUT = "hareline_metrics_left_out"
LABELS: Mapping[str, tuple[str, ...]] = {
    "broker": ("broker",),
    "nodes": ("broker", "rabbitmq_node"),
    "vhosts": ("broker", "vhost"),
    "queues": ("broker", "queue", "vhost"),
    "exchanges": ("broker", "exchange", "vhost"),
    "workers": ("broker", "hostname", "vhost"),
    "tasks": ("broker", "name", "queue_name", "vhost"),
}
"""Of each kind of objects, in alphabetical order."""


def _messages(kind: str, of: str) -> tuple[Figure, ...]:
    return (
        Figure("ready", f"hareline_{kind}_ready", f"Messages of the {of} that wait for delivery"),
        Figure("unacknowledged", f"hareline_{kind}_unacknowledged", f"Messages of the {of} that consumers hold unacknowledged"),
        Figure("publish_per_second", f"hareline_{kind}_publish_per_second", f"Messages published in the {of} per second"),
        Figure("deliver_per_second", f"hareline_{kind}_deliver_per_second", f"Messages delivered in the {of} per second"),
        Figure("ack_per_second", f"hareline_{kind}_ack_per_second", f"Messages acknowledged in the {of} per second"),
    )


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "broker": (
        *_messages("broker", "broker"),
        Figure("unroutable_per_second", "hareline_broker_unroutable_per_second", "Messages per second that reached no queue"),
        Figure("connections", "rabbitmq_connections", "Connections currently open"),
        Figure("channels", "rabbitmq_channels", "Channels currently open"),
        Figure("consumers", "rabbitmq_consumers", "Consumers currently connected"),
        Figure("queues", "rabbitmq_queues", "Queues available"),
    ),
    "nodes": (
        Figure("running", "hareline_node_running", "1 while the node runs"),
        Figure("memory_used_bytes", "rabbitmq_process_resident_memory_bytes", "Memory used in bytes"),
        Figure("memory_limit_bytes", "rabbitmq_resident_memory_limit_bytes", "Memory high watermark in bytes"),
        Figure("disk_free_bytes", "rabbitmq_disk_space_available_bytes", "Disk space available in bytes"),
        Figure("disk_free_limit_bytes", "rabbitmq_disk_space_available_limit_bytes", "Free disk space low watermark in bytes"),
        Figure("file_descriptors_used", "rabbitmq_process_open_fds", "Open file descriptors"),
        Figure("file_descriptors_total", "rabbitmq_process_max_fds", "Open file descriptors limit"),
        Figure("sockets_used", "rabbitmq_process_open_tcp_sockets", "Open TCP sockets"),
        Figure("sockets_total", "rabbitmq_process_max_tcp_sockets", "Open TCP sockets limit"),
        Figure("processes_used", "rabbitmq_erlang_processes_used", "Erlang processes used"),
        Figure("processes_total", "rabbitmq_erlang_processes_limit", "Erlang processes limit"),
        Figure("run_queue", "rabbitmq_erlang_scheduler_run_queue", "Erlang scheduler run queue"),
        Figure("uptime_seconds", "rabbitmq_erlang_uptime_seconds", "Node uptime"),
        Figure("memory_alarm", "rabbitmq_alarms_memory_used_watermark", "1 if the memory alarm of the node is in effect"),
        Figure("disk_alarm", "rabbitmq_alarms_free_disk_space_watermark", "1 if the disk alarm of the node is in effect"),
    ),
    "vhosts": _messages("vhost", "virtual host"),
    "queues": (
        Figure("ready", "rabbitmq_queue_messages_ready", "Messages ready to be delivered to consumers"),
        Figure("unacknowledged", "rabbitmq_queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged"),
        Figure("messages", "rabbitmq_queue_messages", "Sum of ready and unacknowledged messages"),
        Figure("consumers", "rabbitmq_queue_consumers", "Consumers on a queue"),
        Figure("memory_bytes", "rabbitmq_queue_process_memory_bytes", "Memory in bytes used by the Erlang queue process"),
        Figure("message_bytes", "rabbitmq_queue_messages_bytes", "Size in bytes of ready and unacknowledged messages"),
        Figure("publish_per_second", "hareline_queue_publish_per_second", "Messages published to the queue per second"),
        Figure("deliver_per_second", "hareline_queue_deliver_per_second", "Messages delivered from the queue per second"),
        Figure("ack_per_second", "hareline_queue_ack_per_second", "Messages of the queue acknowledged per second"),
        Figure("redeliver_per_second", "hareline_queue_redeliver_per_second", "Messages of the queue delivered again per second"),
    ),
    "exchanges": (
        Figure("publish_in_per_second", "hareline_exchange_publish_in_per_second", "Messages published to the exchange per second"),
        Figure("publish_out_per_second", "hareline_exchange_publish_out_per_second", "Messages from the exchange to queues per second"),
    ),
    "workers": (
        Figure("up", "celery_worker_up", "Indicates if a worker has recently sent a heartbeat: 1 online, 0 gone, no sample while unknown"),
        Figure("active", "celery_worker_tasks_active", "The number of tasks the worker is currently processing"),
        Figure("concurrency", "hareline_worker_slots", "Tasks that the worker can run at a time"),
        Figure("reserved", "hareline_worker_reserved", "Tasks taken from the queue and not started"),
        Figure("scheduled", "hareline_worker_scheduled", "Tasks that the worker holds until their ETA"),
        Figure("prefetch", "hareline_worker_prefetch", "Messages that the worker may hold unacknowledged"),
        Figure("succeeded_per_second", "hareline_worker_succeeded_per_second", "Tasks that succeed per second"),
        Figure("failed_per_second", "hareline_worker_failed_per_second", "Tasks that fail per second"),
        Figure("load", "hareline_worker_load", "Load of its machine, average of a minute"),
        Figure("clock_skew_seconds", "hareline_worker_clock_skew_seconds", "By how much its clock is ahead of Hareline's"),
        Figure("peak_memory_bytes", "hareline_worker_peak_memory_bytes", "Most memory that its main process had resident"),
        Figure("processed", "hareline_worker_processed_total", "Tasks processed since the worker started, by its own count", "counter"),
        Figure("heartbeat_at", "hareline_worker_heartbeat_timestamp_seconds", "When the last heartbeat was received, in seconds since 1970"),
    ),
    "tasks": (
        Figure("sent", "celery_task_sent_total", "Sent when a task message is published.", "counter"),
        Figure("received", "celery_task_received_total", "Sent when the worker receives a task.", "counter"),
        Figure("started", "celery_task_started_total", "Sent just before the worker executes the task.", "counter"),
        Figure("succeeded", "celery_task_succeeded_total", "Sent if the task executed successfully.", "counter"),
        Figure("failed", "celery_task_failed_total", "Sent if the execution of the task failed.", "counter"),
        Figure("rejected", "celery_task_rejected_total", "The task was rejected by the worker.", "counter"),
        Figure("revoked", "celery_task_revoked_total", "Sent if the task has been revoked.", "counter"),
        Figure("retried", "celery_task_retried_total", "Sent if the task failed, but will be retried in the future.", "counter"),
    ),
}
"""By kind of objects."""

OWN = (
    "hareline_broker_up", "hareline_broker_data_age_seconds", "hareline_broker_poll_duration_seconds", "hareline_broker_objects",
    "hareline_broker_polled_timestamp_seconds", "hareline_broker_topology_timestamp_seconds", "hareline_broker_consumers_timestamp_seconds",
    "rabbitmq_build_info", "hareline_workers", "hareline_finding", "hareline_findings_silenced", "hareline_findings_age_seconds",
    "hareline_celery_events_total", "hareline_celery_events_lost_total", "hareline_celery_event_timestamp_seconds",
    "hareline_heartbeat_age_seconds", "hareline_processes", "hareline_live_sockets", "hareline_live_topics",
    "hareline_remote_write_up", "hareline_remote_write_lag_seconds", "hareline_remote_write_samples_total", "hareline_remote_write_samples_dropped_total",
)  # fmt: skip
"""What is exported of Hareline itself, and of brokers beside their figures."""
OF_PROCESS = "hareline_web_"
"""With what the families begin that describe the web process itself."""


class Wanted(NamedTuple):
    """What a scrape is limited to; () is everything. A family's name may end in `*`."""

    brokers: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    def takes_broker(self, name: str) -> bool:
        """
        >>> Wanted(brokers=("prod",)).takes_broker("staging"), Wanted().takes_broker("staging")
        (False, True)
        """
        return not self.brokers or name in self.brokers

    def takes(self, family: str) -> bool:
        """
        >>> Wanted(families=("celery_*",)).takes("celery_worker_up"), Wanted(families=("celery_*",)).takes("rabbitmq_queues")
        (True, False)
        """
        return not self.families or any(_fits(pattern, family) for pattern in self.families)

    def takes_any(self, kind: str) -> bool:
        """Whether a family of these objects is wanted."""
        return any(self.takes(figure.name) for figure in FIGURES[kind])

    def unknown_families(self) -> list[str]:
        """Those that no family has as its name."""
        known = known_families()
        return [one for one in self.families if not one.startswith(OF_PROCESS) and not any(_fits(one, family) for family in known)]


def known_families() -> list[str]:
    """All but those of the web process."""
    return [*(figure.name for figures in FIGURES.values() for figure in figures), *OWN, LEFT_OUT]


def _fits(pattern: str, family: str) -> bool:
    return family.startswith(pattern[:-1]) if pattern.endswith("*") else family == pattern


def fields(kind: str, without: Iterable[str] = ()) -> list[str]:
    """The fields of a kind, in the order of its figures."""
    return [figure.field for figure in FIGURES[kind] if figure.field not in without]
