"""What failed, in groups of the same kind (`workers.failure_groups`): how often, when, in which tasks and on which worker nodes."""

from __future__ import annotations

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models import Broker


class FailureGroup(models.Model):
    """Failures of a virtual host with the same exception, place and message. The sample is the one that was counted last."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    vhost = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=32)
    exception = models.CharField(max_length=200)  # its class; "" where none was reported
    place = models.CharField(max_length=300)  # "file in function", else "task name"
    message = models.CharField(max_length=300)  # folded; ANY_MESSAGE: of further messages
    count = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    sample_exception = models.TextField(default="")
    sample_traceback = models.TextField(default="")
    sample_queue = models.CharField(max_length=255, null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=255, default="")
    reopened_at = models.DateTimeField(null=True)  # when it failed again after it was resolved
    reopened = models.IntegerField(default=0)  # how often it did

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "fingerprint"], name="one_failure_group")]
        indexes = [models.Index(fields=["last_at"])]


class FailureHour(models.Model):
    """How often a group failed within an hour."""

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(FailureGroup, on_delete=models.CASCADE, db_index=False)
    hour = models.IntegerField()  # from 1970 on
    count = models.BigIntegerField()

    class Meta:
        constraints = [UniqueConstraint(fields=["group", "hour"], name="one_failure_hour")]
        indexes = [models.Index(fields=["hour"])]


class FailurePart(models.Model):
    """How many failures of a group were of a task, or on a worker node; those beyond the names that are kept are under ""."""

    TASK, WORKER = "task", "worker"

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(FailureGroup, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=8)
    name = models.CharField(max_length=500)
    count = models.BigIntegerField()

    class Meta:
        constraints = [UniqueConstraint(fields=["group", "kind", "name"], name="one_failure_part")]


class FailedTask(models.Model):
    """A failure that was counted: of each task its last one, while the task is kept."""

    task_id = models.BigIntegerField(primary_key=True)  # no foreign key: retention drops tasks by whole days
    group = models.ForeignKey(FailureGroup, on_delete=models.CASCADE, db_index=False)
    failed_at = models.DateTimeField()
    name = models.CharField(max_length=500, null=True)
    worker = models.CharField(max_length=255, null=True)
    queue = models.CharField(max_length=255, null=True)

    class Meta:
        indexes = [models.Index(fields=["group", "task_id"])]


class FailureEvent(models.Model):
    """What happened to a group, and what people wrote about it."""

    RESOLVED, REOPENED, FAILED_AGAIN, COMMENT = "resolved", "reopened", "failed again", "comment"

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(FailureGroup, on_delete=models.CASCADE)
    at = models.DateTimeField()
    what = models.CharField(max_length=16)
    user_name = models.CharField(max_length=255, default="")
    text = models.TextField(default="")


class FailureCursor(models.Model):
    """Up to where changed tasks were looked at. One row; `revision` changes with each look, so that of two processes one counts."""

    id = models.IntegerField(primary_key=True)
    changed_at = models.DateTimeField()
    revision = models.BigIntegerField(default=0)
