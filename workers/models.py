"""What is stored about Celery: worker nodes, where events are received, tasks.

Written only by `workers.store`, read only by `workers.queries`. None means unknown.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import Q, UniqueConstraint

from brokers.models import Broker
from workers.task_queue import TaskQueue, stored_queue

_OF_OTHER_ATTEMPTS = {"SUCCESS": ("exception", "traceback"), "FAILURE": ("result", "runtime_seconds")}


class EventSource(models.Model):
    """A virtual host whose Celery events we receive, or can't."""

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
    active_tasks = models.JSONField(null=True)  # [{"uuid", "name", "args", "kwargs", "started_at", …}], at most 50
    tasks_hidden = False  # some of active_tasks are left out for the person for whom the row was read
    active_tasks_at = models.DateTimeField(null=True)  # when it listed them
    prefetch = models.IntegerField(null=True)
    processed = models.BigIntegerField(null=True)
    queues = models.JSONField(null=True)  # [{"name", "exchange", "exchange_type", "routing_key", "declared": {as kombu describes it}}]
    registered = models.JSONField(null=True)  # [{"name", "attributes": {…}}]
    configuration = models.JSONField(null=True)  # {setting: value}, as `workers.inspection.routing_settings` keeps it: never an address or a secret
    configuration_at = models.DateTimeField(null=True)  # when it was received
    load = models.JSONField(null=True)  # [1 min, 5 min, 15 min]
    software = models.JSONField(default=dict)  # {"ident", "version", "system"}
    pid = models.IntegerField(null=True)
    uptime_seconds = models.IntegerField(null=True)
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


class Task(models.Model):
    """One task as its events describe it, upserted in batches: the values of the events, nothing guessed."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)  # the constraint's index begins with it
    vhost = models.CharField(max_length=255)
    uuid = models.CharField(max_length=255)
    name = models.CharField(max_length=500, null=True)
    state = models.CharField(max_length=16)  # Celery's, or UNKNOWN
    last_seen_state = models.CharField(max_length=16, null=True)  # with UNKNOWN
    unknown_reason = models.TextField(default="")
    revoked_by = models.CharField(max_length=255, default="")  # a worker that lists it as revoked, while it has not begun
    worker = models.CharField(max_length=255, null=True)
    sender = models.CharField(max_length=255, null=True)  # gen811@web-2
    queue = models.CharField(max_length=255, null=True)  # where it is or was taken from; None: unknown, or `queues`
    queues = models.TextField(null=True)  # JSON, sorted: several, each of which has a copy
    queue_source = models.CharField(max_length=16, null=True)  # as `workers.task_queue` defines it; None: never worked out
    queue_reason = models.TextField(null=True)  # why it is unknown
    sent_queue = models.CharField(max_length=255, null=True)  # according to the sender (task-sent)
    exchange = models.CharField(max_length=255, null=True)
    routing_key = models.CharField(max_length=255, null=True)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    eta = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    runtime_seconds = models.FloatField(null=True)
    retries = models.IntegerField(null=True)
    args = models.TextField(null=True)
    kwargs = models.TextField(null=True)
    result = models.TextField(null=True)
    exception = models.TextField(null=True)
    traceback = models.TextField(null=True)
    parent_id = models.CharField(max_length=255, null=True)
    root_id = models.CharField(max_length=255, null=True)
    tries = models.JSONField(default=list)  # the moments, read by `workers.receiving.task_state.happenings`
    moments_left_out = models.IntegerField(default=0)  # of a task with more moments than are kept
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    arguments_hidden = False  # from the person for whom the row was read

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        """The row as its state has it: a success without the exception of an earlier attempt, a failure without a result. The row keeps both, since a
        later event may change the state."""
        task = super().from_db(db, field_names, values, **options)
        for name in _OF_OTHER_ATTEMPTS.get(task.__dict__.get("state", ""), ()):
            if name in task.__dict__:
                setattr(task, name, None)
        return task

    @property
    def found(self) -> TaskQueue | None:
        """In which queue it is or from which one it was taken; None where that was never worked out."""
        return stored_queue(self.queue, self.queues, self.queue_source, self.queue_reason)

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "uuid"], name="one_task")]
        indexes = [  # each also sorts by id, which grows as tasks are first seen; few and narrow, since every event writes them
            models.Index(fields=["first_seen_at"]),
            models.Index(fields=["changed_at"]),  # the rules read what ended since their last round
            models.Index(fields=["state"]),
            models.Index(fields=["name", "id", "state"], name="workers_task_of_name"),  # with the state, which is counted beside a filter
            models.Index(fields=["worker", "id", "state"], name="workers_task_of_worker"),
            models.Index(fields=["queue"], name="workers_task_in_queue", condition=Q(queue__isnull=False)),
            models.Index(fields=["queues"], name="workers_task_in_queues", condition=Q(queues__isnull=False)),
            models.Index(fields=["root_id"], name="workers_task_of_root", condition=Q(parent_id__isnull=False)),
            models.Index(fields=["parent_id"], name="workers_task_of_parent", condition=Q(parent_id__isnull=False)),
            models.Index(fields=["broker", "vhost", "worker"], name="workers_task_open", condition=Q(state__in=["RECEIVED", "STARTED"])),
        ]


class TaskCount(models.Model):
    """How many of a virtual host's tasks that were first seen on a day are in a state; sums over it are what lists show as their length. Kept by the store."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    vhost = models.CharField(max_length=255)
    day = models.IntegerField()  # in UTC, from 1970 on
    state = models.CharField(max_length=16)
    tasks = models.BigIntegerField()

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "day", "state"], name="one_task_count")]
