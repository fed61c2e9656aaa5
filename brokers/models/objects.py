"""Objects of a virtual host: queues, exchanges, bindings, policies and permissions."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q, UniqueConstraint

from brokers.models.fields import PriorityField
from brokers.models.keys import AutoKey
from brokers.models.places import Broker


class Queue(AutoKey):
    past_at: datetime | None = None  # as of a broker

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=64, default="")  # classic, quorum, stream, …; "" unknown
    state = models.CharField(max_length=32, default="")  # running, idle, flow, down, …; "" unknown
    durable = models.BooleanField(null=True)
    auto_delete = models.BooleanField(null=True)
    exclusive = models.BooleanField(null=True)
    arguments = models.JSONField(default=dict)
    policy = models.CharField(max_length=255, default="")
    operator_policy = models.CharField(max_length=255, default="")
    effective_policy = models.JSONField(default=dict)
    node = models.CharField(max_length=255, default="")
    leader = models.CharField(max_length=255, null=True)  # of a quorum queue or stream; "" has none; None: not reported
    members = models.JSONField(null=True)  # the nodes that have a copy of it
    online = models.JSONField(null=True)  # those of them that run
    ready = models.BigIntegerField(null=True)
    unacknowledged = models.BigIntegerField(null=True)
    delayed = models.BigIntegerField(null=True)  # waiting for their next delivery; only versions that delay have it
    depth = models.BigIntegerField(null=True)  # ready + unacknowledged + delayed, stored for sorting
    consumers = models.IntegerField(null=True)
    active_consumers = models.IntegerField(null=True)  # of those; None: not reported
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    redeliver_per_second = models.FloatField(null=True)
    growth_per_second = models.FloatField(null=True)  # of its depth, as `brokers.depth_growth` measures it
    memory_bytes = models.BigIntegerField(null=True)
    message_bytes = models.BigIntegerField(null=True)
    oldest_at = models.DateTimeField(null=True)  # timestamp of the head message, where publishers set one
    oldest_estimated = models.BooleanField(default=False)  # oldest_at is estimated from history
    nobody_consumes_since = models.DateTimeField(null=True)  # None while consumed, or while unknown; beside no `consumers`: none when counted last
    nobody_since_at_least = models.BooleanField(null=True)  # False: the last consumer was seen leaving; True or None: there was none at the first poll
    last_publish_at = models.DateTimeField(null=True)  # while nobody consumes it: the last poll that saw a publish, or its depth grow; else None
    still_since = models.DateTimeField(null=True)  # since when it has messages and consumers, and nothing is acknowledged; None: something is, or unknown
    highest_depth = models.BigIntegerField(null=True)  # of the last 24 h; the full bar
    last_consumers = models.JSONField(null=True)  # when its last consumer left, as `brokers.store.last_consumers` has them
    last_consumed_at = models.DateTimeField(null=True)  # when that was seen
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # the poll that last changed this row; the numbers hold until the broker's polled_at
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "name"], condition=Q(gone_at=None), name="one_live_queue")]


class Exchange(AutoKey):
    past_at: datetime | None = None  # as of a broker

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)  # "" is the default exchange
    type = models.CharField(max_length=64)
    durable = models.BooleanField()
    auto_delete = models.BooleanField()
    internal = models.BooleanField()
    arguments = models.JSONField(default=dict)
    policy = models.CharField(max_length=255, default="")
    publish_in_per_second = models.FloatField(null=True)
    publish_out_per_second = models.FloatField(null=True)
    publishers = models.JSONField(null=True)  # [{"connection", "host", "user", "per_second"}]; None: not read yet
    publishers_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "name"], condition=Q(gone_at=None), name="one_live_exchange")]


class Binding(AutoKey):
    """A binding from an exchange to a queue or an exchange, the implicit ones of the default exchange included."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    source = models.CharField(max_length=255)
    destination = models.CharField(max_length=255)
    destination_type = models.CharField(max_length=16)  # queue or exchange
    routing_key = models.CharField(max_length=255)
    arguments = models.JSONField(default=dict)
    properties_key = models.TextField(default="")
    first_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["broker", "vhost", "destination"], condition=Q(gone_at=None), name="live_binding_destination"),
            models.Index(  # in the order in which an exchange's page lists them, so that a page of ten thousand sorts nothing
                fields=["broker", "vhost", "source", "destination_type", "destination", "routing_key"], condition=Q(gone_at=None), name="live_binding_out"
            ),
        ]


class Policy(AutoKey):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    operator = models.BooleanField(default=False)
    pattern = models.TextField()
    apply_to = models.CharField(max_length=32)
    priority = PriorityField()
    definition = models.JSONField()


class Permission(AutoKey):
    """What a user may do in a virtual host, while `Broker.permissions_known`: by names of objects, or with `exchange` by the keys of that one. `configure` and
    `read` are None of rows from before they were read, `configure` also with `exchange`."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    user = models.CharField(max_length=255)
    exchange = models.CharField(max_length=255, null=True)
    write = models.TextField()
    configure = models.TextField(null=True)
    read = models.TextField(null=True)

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost"])]


class Transfer(AutoKey):
    """A shovel, a federation upstream or a set of them as defined, or the state of a shovel or link: see `brokers.stats.TransferStats`."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=255)
    facts = models.JSONField(default=dict)  # addresses are masked: no credentials

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost"])]
