"""What is stored about brokers: current rows, history, versions of the topology, leases.

Written only by `brokers.store` (and `brokers.leases`), read only by `brokers.queries`. Every fact belongs to a broker and, where AMQP
has one, a virtual host. Rows that stop existing at the broker keep their primary key and get `gone_at`; an object that is deleted and
made again is a new row. None always means unknown, never zero. Credentials are never stored.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q, UniqueConstraint


class AutoKey(models.Model):
    """A primary key that is never used twice, so that an old link can't show another object."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True


class Installation(AutoKey):
    """One row: the id that names our own objects in brokers, `hareline.<id>.…`."""

    identifier = models.CharField(max_length=16, unique=True)
    created_at = models.DateTimeField()


class Broker(AutoKey):
    """A RabbitMQ broker (one node or a cluster) that HARELINE_BROKERS names."""

    UP, UNREACHABLE, REFUSED, UNKNOWN = "up", "unreachable", "refused", "unknown"

    name = models.CharField(max_length=200, unique=True)
    configured = models.BooleanField(default=True)  # False: HARELINE_BROKERS no longer names it
    addresses = models.JSONField(default=list)  # ["http://host:15672"], without credentials
    state = models.CharField(max_length=16, default=UNKNOWN)
    reason = models.TextField(default="not polled yet")  # a sentence; "" while up
    since = models.DateTimeField(null=True)  # when `state` began
    cluster_name = models.CharField(max_length=255, default="")
    version = models.CharField(max_length=64, default="")  # "3.10.8"
    erlang_version = models.CharField(max_length=64, default="")
    polled_at = models.DateTimeField(null=True)  # last answer that was stored; the age of every number below
    tried_at = models.DateTimeField(null=True)  # last attempt, answered or not
    poll_ms = models.FloatField(null=True)
    poll_seconds = models.FloatField(null=True)  # the interval in force
    depth_source = models.CharField(max_length=32, default="")  # columns, totals, detailed
    depth_source_reason = models.TextField(default="")  # why rates are null or the interval is longer; "" if nothing to say
    alarms = models.JSONField(default=list)  # [{"node", "resource": "memory"|"disk"}]
    limits_to_sight = models.JSONField(default=list)  # [{"vhost": str|None, "what", "why", "grant"}]
    ready = models.BigIntegerField(null=True)
    unacknowledged = models.BigIntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    unroutable_per_second = models.FloatField(null=True)  # dropped + returned
    permissions_known = models.BooleanField(default=False)  # False: our user is no administrator, or they were not read yet
    object_totals = models.JSONField(default=dict)  # {"queues": n, "exchanges": n, "consumers": n, "connections": n, "channels": n}
    amqp_port = models.IntegerField(null=True)  # from /api/overview listeners
    amqp_tls = models.BooleanField(default=False)
    metrics_port = models.IntegerField(null=True)  # the Prometheus plugin, None where absent
    revision = models.BigIntegerField(default=0)  # grows with every stored poll or state change; the tail watches it

    class Meta:
        ordering = ["name"]


class PollAttempt(AutoKey):
    """One try to poll a broker, kept for a day: what was tried when, and how it ended."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    at = models.DateTimeField()
    answered = models.BooleanField()
    ms = models.FloatField()
    reason = models.TextField(default="")

    class Meta:
        indexes = [models.Index(fields=["broker", "at"])]


class VirtualHost(AutoKey):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    visible = models.BooleanField(default=True)  # False: our user has no permission there, so counts are unknown
    tracing = models.BooleanField(null=True)
    state = models.CharField(max_length=32, default="")
    first_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [UniqueConstraint(fields=["broker", "name"], condition=Q(gone_at=None), name="one_live_virtual_host")]


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
    at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [UniqueConstraint(fields=["broker", "name"], condition=Q(gone_at=None), name="one_live_node")]


class Queue(AutoKey):
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
    ready = models.BigIntegerField(null=True)
    unacknowledged = models.BigIntegerField(null=True)
    depth = models.BigIntegerField(null=True)  # ready + unacknowledged, stored for sorting
    consumers = models.IntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    redeliver_per_second = models.FloatField(null=True)
    memory_bytes = models.BigIntegerField(null=True)
    message_bytes = models.BigIntegerField(null=True)
    oldest_at = models.DateTimeField(null=True)  # timestamp of the head message, where publishers set one
    oldest_estimated = models.BooleanField(default=False)  # oldest_at is our estimate from history
    nobody_consumes_since = models.DateTimeField(null=True)  # None while consumed, or while unknown
    highest_depth = models.BigIntegerField(null=True)  # of the last 24 h; the full bar
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # the poll that last changed this row; the numbers hold until the broker's polled_at
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "name"], condition=Q(gone_at=None), name="one_live_queue")]


class Exchange(AutoKey):
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
    publishers = models.JSONField(null=True)  # [{"connection", "host", "user", "per_second"}]; None: not asked yet
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
            models.Index(fields=["broker", "vhost", "source"], condition=Q(gone_at=None), name="live_binding_source"),
        ]


class Policy(AutoKey):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    operator = models.BooleanField(default=False)
    pattern = models.TextField()
    apply_to = models.CharField(max_length=32)
    priority = models.IntegerField()
    definition = models.JSONField()


class Permission(AutoKey):
    """What a user may write to in a virtual host, while `Broker.permissions_known`: exchanges by their name, or with `exchange` the keys of that one."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    user = models.CharField(max_length=255)
    exchange = models.CharField(max_length=255, null=True)
    write = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost"])]


class Connection(AutoKey):
    """An AMQP connection as the broker lists it, replaced at every topology round."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=500)  # "127.0.0.1:52008 -> 127.0.0.1:5672"
    provided_name = models.CharField(max_length=500, default="")  # client_properties.connection_name
    user = models.CharField(max_length=255)
    peer_host = models.CharField(max_length=255)
    peer_port = models.IntegerField(null=True)
    node = models.CharField(max_length=255, default="")
    state = models.CharField(max_length=32, default="")
    product = models.CharField(max_length=255, default="")  # "py-amqp 5.4.2"
    channels = models.IntegerField(null=True)
    connected_at = models.DateTimeField(null=True)
    tls = models.BooleanField(null=True)


class Channel(AutoKey):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    connection_name = models.CharField(max_length=500)
    number = models.IntegerField()
    consumers = models.IntegerField(null=True)
    prefetch = models.IntegerField(null=True)  # per consumer
    global_prefetch = models.IntegerField(null=True)  # shared on the channel: what Celery sets
    unacknowledged = models.IntegerField(null=True)
    confirms = models.BooleanField(null=True)
    state = models.CharField(max_length=32, default="")


class Consumer(AutoKey):
    """A consumer of a queue as the broker lists it, replaced at every round."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    queue = models.CharField(max_length=255)
    tag = models.CharField(max_length=500)
    connection_name = models.CharField(max_length=500, default="")
    channel_name = models.CharField(max_length=500, default="")
    peer_host = models.CharField(max_length=255, default="")
    peer_port = models.IntegerField(null=True)
    user = models.CharField(max_length=255, default="")
    ack_required = models.BooleanField(null=True)
    exclusive = models.BooleanField(null=True)
    active = models.BooleanField(null=True)
    activity_status = models.CharField(max_length=64, default="")
    prefetch = models.IntegerField(null=True)
    arguments = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost", "queue"])]


class Snapshot(models.Model):
    """One moment of a broker in the codec of `brokers.snapshots`: a keyframe, or the differences to the snapshot before."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)  # queues, broker, workers, exchanges
    step = models.IntegerField()  # seconds: 5 (raw polls), 60, 600
    at = models.DateTimeField()
    is_key = models.BooleanField()
    data = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["broker", "kind", "step", "at"]),
            models.Index(fields=["broker", "kind", "step", "at"], condition=Q(is_key=True), name="snapshot_keyframes"),
        ]


class TopologyVersion(models.Model):
    """Exchanges, queues, bindings and policies of a virtual host, stored when they change (without exclusive and auto-delete objects)."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    at = models.DateTimeField()
    content_hash = models.CharField(max_length=64)
    data = models.BinaryField()  # zstd of msgspec JSON of brokers.topology.Topology

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost", "at"])]


class Change(models.Model):
    """Something that appeared, went or changed in a broker, for people: "binding order.* to mail added"."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255, default="")
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)  # queue, exchange, binding, policy, broker, node, worker
    what = models.CharField(max_length=32)  # added, gone, changed
    name = models.TextField()
    text = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["broker", "at"])]


class Interest(AutoKey):
    """Somebody looks at this object until `until`: the poller fetches its details once for all viewers."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)  # queue, exchange
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    until = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "kind", "vhost", "name"], name="one_interest")]


class Lease(AutoKey):
    """Who does a piece of work now: of several processes of a kind only the holder works, until `expires_at`."""

    name = models.CharField(max_length=255, unique=True)  # "poll demo", "receive demo"
    holder = models.CharField(max_length=255)  # "host:pid:start"
    expires_at = models.DateTimeField()


class Heartbeat(AutoKey):
    """A process of ours that lives: kind (poller, receiver, chores), and when it last said so."""

    kind = models.CharField(max_length=16)
    holder = models.CharField(max_length=255)
    at = models.DateTimeField()
    standby = models.BooleanField(default=False)

    class Meta:
        constraints = [UniqueConstraint(fields=["kind", "holder"], name="one_heartbeat")]
