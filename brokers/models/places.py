"""Brokers, their virtual hosts and nodes, and the attempts to poll them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q, UniqueConstraint

from brokers.models.keys import AutoKey
from brokers.routing.queue_types import UNDEFINED


class Installation(AutoKey):
    """One row: the id in the names of Hareline's objects in brokers, `hareline.<id>.…`."""

    identifier = models.CharField(max_length=16, unique=True)
    created_at = models.DateTimeField()
    started_with = models.JSONField(default=dict)  # by the poller that started last: {"version", "settings": {variable: fingerprint}}


class Broker(AutoKey):
    """A RabbitMQ broker (one node or a cluster) that HARELINE_BROKERS names."""

    UP, UNREACHABLE, REFUSED, UNKNOWN = "up", "unreachable", "refused", "unknown"
    NOT_RECORDED = "not recorded"  # only of rows of a past moment
    past_at: datetime | None = None  # the moment that the row shows, which is never saved then; None: now

    name = models.CharField(max_length=200, unique=True)
    configured = models.BooleanField(default=True)  # False: HARELINE_BROKERS no longer names it
    addresses = models.JSONField(default=list)  # ["http://host:15672"], without credentials
    state = models.CharField(max_length=16, default=UNKNOWN)
    reason = models.TextField(default="not polled yet")  # a sentence; "" while up
    since = models.DateTimeField(null=True)  # when `state` began
    cluster_id = models.CharField(max_length=255, default="")  # RabbitMQ's internal cluster id; "" unknown
    same_as = models.CharField(max_length=200, default="")  # the name under which this cluster is watched, if that is another
    cluster_name = models.CharField(max_length=255, default="")
    version = models.CharField(max_length=64, default="")  # "3.10.8", or "LavinMQ-2.1.0"
    erlang_version = models.CharField(max_length=64, default="")
    polled_at = models.DateTimeField(null=True)  # last stored response; the age of every number below
    tried_at = models.DateTimeField(null=True)  # last attempt, answered or not
    poll_ms = models.FloatField(null=True)
    poll_busy_seconds = models.FloatField(null=True)  # how long the broker worked for the last poll of its depths
    inventory_at = models.DateTimeField(null=True)  # when topology or clients were last stored
    topology_at = models.DateTimeField(null=True)  # when exchanges, bindings and policies were last read
    topology_busy_seconds = models.FloatField(null=True)  # how long the broker worked for that
    topology_every_seconds = models.FloatField(null=True)  # how often they are read while nothing shows a change
    poll_seconds = models.FloatField(null=True)  # the interval in force
    depth_source = models.CharField(max_length=32, default="")  # columns, totals, detailed
    consumers_at = models.DateTimeField(null=True)  # the numbers of consumers are no older; from another source than the depths, or more rarely; None: unknown
    depth_source_reason = models.TextField(default="")  # why rates are null or the interval is longer; "" if there is no reason
    alarms = models.JSONField(default=list)  # [{"node", "resource": "memory"|"disk"}]
    limits = models.JSONField(default=list)  # [{"vhost": str|None, "what", "why", "grant"}]
    ready = models.BigIntegerField(null=True)
    unacknowledged = models.BigIntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    unroutable_per_second = models.FloatField(null=True)  # dropped + returned
    connections_at = models.DateTimeField(null=True)  # when connections were last listed
    channels_at = models.DateTimeField(null=True)
    connections_opened_per_second = models.FloatField(null=True)
    connections_closed_per_second = models.FloatField(null=True)
    channels_opened_per_second = models.FloatField(null=True)
    channels_closed_per_second = models.FloatField(null=True)
    queues_created_per_second = models.FloatField(null=True)
    queues_deleted_per_second = models.FloatField(null=True)
    permissions_known = models.BooleanField(default=False)  # False: Hareline's user is not an administrator, or they were not read yet
    permissions_at = models.DateTimeField(null=True)  # when they and the users were last read
    users = models.JSONField(null=True)  # {name: [tags]} of the broker's users; None: not known, as of `permissions_known`
    object_totals = models.JSONField(default=dict)  # {"queues": n, "exchanges": n, "consumers": n, "connections": n, "channels": n}
    listeners = models.JSONField(default=list)  # [{"node", "protocol": "amqp"|"amqp/ssl"|"http"|"https", "port"}], of nodes that are down too
    metrics_port = models.IntegerField(null=True)  # the Prometheus plugin, None where absent
    revision = models.BigIntegerField(default=0)  # grows with every stored poll or state change; the tail watches it

    class Meta:
        ordering = ["name"]

    @property
    def software(self) -> str:
        """ "RabbitMQ 3.10.8", or "LavinMQ 2.1.0"; "" while unknown."""
        return software(self.version)


def software(version: str) -> str:
    """
    >>> software("4.0.5"), software("LavinMQ-2.1.0"), software("")
    ('RabbitMQ 4.0.5', 'LavinMQ 2.1.0', '')
    """
    return version.replace("-", " ", 1) if version.startswith("LavinMQ-") else f"RabbitMQ {version}" if version else ""


class PollAttempt(AutoKey):
    """One attempt to poll a broker and its outcome, kept for a day."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    at = models.DateTimeField()
    answered = models.BooleanField()
    ms = models.FloatField()
    reason = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["broker", "at"])]


class VirtualHost(AutoKey):
    past_at: datetime | None = None  # as of a broker

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    ready = models.BigIntegerField(null=True)  # the figures are of what waits: streams keep, and are left out
    unacknowledged = models.BigIntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    visible = models.BooleanField(default=True)  # False: Hareline's user has no permission there, so counts are unknown
    tracing = models.BooleanField(null=True)
    default_queue_type = models.CharField(max_length=255, default="")  # as `brokers.stats.VhostStats` has it
    state = models.CharField(max_length=32, default="")
    first_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [UniqueConstraint(fields=["broker", "name"], condition=Q(gone_at=None), name="one_live_virtual_host")]

    @property
    def own_default_type(self) -> str:
        """The default type of its queues; "" if it has none of its own, or the broker does not report it."""
        return "" if self.default_queue_type == UNDEFINED else self.default_queue_type


class Node(AutoKey):
    """A node of the broker's cluster."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    running = models.BooleanField()
    memory_used_bytes = models.BigIntegerField(null=True)
    memory_limit_bytes = models.BigIntegerField(null=True)
    memory_alarm = models.BooleanField(null=True)
    disk_free_bytes = models.BigIntegerField(null=True)
    disk_free_limit_bytes = models.BigIntegerField(null=True)
    disk_alarm = models.BooleanField(null=True)
    file_descriptors_used = models.IntegerField(null=True)
    file_descriptors_total = models.IntegerField(null=True)
    sockets_used = models.IntegerField(null=True)
    sockets_total = models.IntegerField(null=True)
    processes_used = models.IntegerField(null=True)
    processes_total = models.IntegerField(null=True)
    run_queue = models.IntegerField(null=True)
    uptime_ms = models.BigIntegerField(null=True)
    partitions = models.JSONField(default=list)
    clock_skew_seconds = models.FloatField(null=True)  # by how much its clock is ahead of ours, as of `clock_at`; None: not known
    clock_at = models.DateTimeField(null=True)
    at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [UniqueConstraint(fields=["broker", "name"], condition=Q(gone_at=None), name="one_live_node")]
