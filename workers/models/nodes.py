"""Worker nodes, and the virtual hosts where Celery’s events are received."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models import Broker


class EventSource(models.Model):
    """A virtual host whose Celery events we receive, or can't."""

    READING = "reading"
    RECEIVING, INSPECTING, REFUSED, UNREACHABLE, OFF, UNKNOWN = "receiving", "inspecting", "refused", "unreachable", "off", "unknown"

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    queue = models.CharField(max_length=255, default="")  # hareline.<id>.events
    state = models.CharField(max_length=16, default=UNKNOWN)
    reason = models.TextField(default="")
    grant = models.TextField(default="")  # the command that would grant it
    inspect_state = models.CharField(max_length=16, default=UNKNOWN)  # inspecting, refused, unreachable, off, unknown
    inspect_reason = models.TextField(default="")
    inspect_grant = models.TextField(default="")
    results_state = models.CharField(max_length=16, default="off", db_default="off")  # of the result backend: reading, unreachable, off (none is configured)
    results_reason = models.TextField(default="", db_default="")
    names = models.JSONField(default=dict)  # of Celery's exchanges there, as `workers.celery_names.CeleryNames`
    hint = models.TextField(default="")  # exchanges that look like Celery's and are not watched, in a sentence
    since = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)  # of the last event
    events = models.BigIntegerField(default=0)
    refused_events = models.BigIntegerField(default=0)  # could not be understood; counted, never a stop
    refused_example = models.TextField(default="")
    lost_events = models.BigIntegerField(default=0)  # known to be lost (processed against seen)
    uncertain = models.BinaryField(default=bytes)  # fingerprints of stored messages that the broker may deliver again
    writer = models.CharField(max_length=32, default="")  # the watch that may store here: that which took it over last
    revision = models.BigIntegerField(default=0)  # grows with every stored batch; the tail watches it
    beat_at = models.DateTimeField(null=True)  # when its thread last stored what it knows; None: nobody watches it
    fault = models.TextField(default="")  # a sentence while its thread ends again and again by an error in Hareline
    fault_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost"], name="one_event_source")]


class Worker(models.Model):
    """A Celery worker node (hostname `name@host`) in a virtual host of a broker."""

    ONLINE, GONE, UNKNOWN = "online", "gone", "unknown"
    past_at: datetime | None = None  # the moment that the row shows, which is never saved then; None: now

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    hostname = models.CharField(max_length=255)
    state = models.CharField(max_length=16, default=UNKNOWN)
    reason = models.TextField(default="")
    silence = models.CharField(max_length=16, default="")  # how it fell silent: `workers.receiving.liveness.Silence`
    since = models.DateTimeField(null=True)
    pool = models.CharField(max_length=32, null=True)  # prefork, threads, solo, gevent, eventlet, or a dotted name
    concurrency = models.IntegerField(null=True)  # processes, threads or greenlets now
    autoscale_min = models.IntegerField(null=True)
    autoscale_max = models.IntegerField(null=True)
    processes = models.JSONField(null=True)  # [pid], prefork and solo only
    active = models.IntegerField(null=True)  # tasks that run, as of the last heartbeat or of `active_tasks`, whichever is later
    reserved = models.IntegerField(null=True)  # taken from the queue, not started
    scheduled = models.IntegerField(null=True)  # held until their ETA
    reserved_routes = models.JSONField(null=True)  # of those: [[exchange, routing key, how many]], the most frequent ones
    scheduled_routes = models.JSONField(null=True)
    active_tasks = models.JSONField(null=True)  # [{"uuid", "name", "args", "kwargs", "started_at", …}], at most 50
    tasks_hidden = False  # some of active_tasks are left out for the person for whom the row was read
    active_tasks_at = models.DateTimeField(null=True)  # when it listed them
    prefetch = models.IntegerField(null=True)
    processed = models.BigIntegerField(null=True)
    queues = models.JSONField(null=True)  # [{"name", "exchange", "exchange_type", "routing_key", "declared": {as kombu describes it}}]
    registered = models.JSONField(null=True)  # [{"name", "attributes": {…}}]
    configuration = models.JSONField(null=True)  # {setting: value}, as `workers.inspection.routing_settings` keeps it: never an address or a secret
    configuration_at = models.DateTimeField(null=True)  # when it was received
    periodic = models.JSONField(null=True)  # its beat_schedule, as `workers.periodic.entries.kept` keeps it
    load = models.JSONField(null=True)  # [1 min, 5 min, 15 min]
    software = models.JSONField(default=dict)  # {"ident", "version", "system"}
    pid = models.IntegerField(null=True)
    uptime_seconds = models.IntegerField(null=True)
    peak_memory_bytes = models.BigIntegerField(null=True)  # the most that its main process ever had resident
    clock_skew_seconds = models.FloatField(null=True)
    events_off = models.BooleanField(null=True)  # processed grows while no task event comes
    heartbeat_at = models.DateTimeField(null=True)  # by our clock, on receipt
    heartbeat_seconds = models.FloatField(null=True)  # freq
    inspected_at = models.DateTimeField(null=True)
    inspect_reason = models.TextField(default="")  # why pool and slots are unknown or old
    event_counts = models.JSONField(default=dict)  # {"task-received": n, …} since first seen
    succeeded_per_second = models.FloatField(null=True)
    failed_per_second = models.FloatField(null=True)
    processed_at_first_sight = models.BigIntegerField(null=True)  # base of the reconciliation with `processed`
    lost_events = models.BigIntegerField(default=0)
    reconciliation = models.JSONField(default=dict)  # as `workers.receiving.reconciliation` keeps it
    pinned = models.BooleanField(default=False, db_default=False)  # kept in lists by a person when it is gone
    forgotten_at = models.DateTimeField(null=True)  # when a person took it out of lists; it is back once anything of it is received again
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["hostname"]
        constraints = [UniqueConstraint(fields=["broker", "vhost", "hostname"], name="one_worker")]
