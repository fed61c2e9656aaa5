"""Tasks as their events describe them, and how many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import Q, UniqueConstraint

from brokers.models import Broker
from workers.task_queue import TaskQueue, stored_queue

_OF_OTHER_ATTEMPTS = {"SUCCESS": ("exception", "traceback"), "FAILURE": ("result", "runtime_seconds")}


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
    state_source = models.CharField(max_length=8, null=True)  # as `workers.state_sources` defines it; None: the events, and what follows from their absence
    state_source_at = models.DateTimeField(null=True)
    limit_seconds = models.FloatField(null=True)  # of a task that runs or ran; None: unknown, or none
    limit_kind = models.CharField(max_length=4, null=True)  # hard or soft, as `workers.time_limits` defines them
    moments_left_out = models.IntegerField(default=0)  # of a task with more moments than are kept
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    arguments_hidden = False  # from the person for whom the row was read

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        task = super().from_db(db, field_names, values, **options)
        task.after_reading()
        return task

    def after_reading(self) -> None:
        """Makes it the row as its state has it: a success without the exception of an earlier attempt, a failure without a result. The database keeps both,
        since a later event may change the state."""
        for name in _OF_OTHER_ATTEMPTS.get(self.__dict__.get("state", ""), ()):
            if name in self.__dict__:
                setattr(self, name, None)

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
