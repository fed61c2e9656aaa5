"""What was counted of tasks by name and queue (`workers.task_statistics`), in minutes, hours and days."""

from __future__ import annotations

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models import Broker


class TaskStatistic(models.Model):
    """What happened in a period to a virtual host’s tasks of one name and queue: how many events of each kind came, and durations."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    vhost = models.CharField(max_length=255)
    seconds = models.IntegerField()  # how long the period is: a minute, an hour or a day
    start = models.BigIntegerField()  # of the period, in seconds since 1970
    name = models.CharField(max_length=500)  # "" where it is unknown, `task_statistics.OTHERS` for other names
    queue = models.CharField(max_length=255)  # likewise
    sent = models.BigIntegerField()
    received = models.BigIntegerField()
    started = models.BigIntegerField()
    retried = models.BigIntegerField()
    rejected = models.BigIntegerField()
    revoked = models.BigIntegerField()
    failed = models.BigIntegerField()
    succeeded = models.BigIntegerField()
    sketches = models.BinaryField()  # as `task_statistics.encoded_sketches`

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "seconds", "name", "queue", "start"], name="one_task_statistic")]
        indexes = [models.Index(fields=["seconds", "start"], name="workers_statistic_of_period")]


class TaskTotal(models.Model):
    """How many events of each kind were counted of tasks of one name and queue since the row was made: counters that only grow."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=500)  # as `TaskStatistic` has it
    queue = models.CharField(max_length=255)
    sent = models.BigIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    started = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    revoked = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    succeeded = models.BigIntegerField(default=0)
    counted_until = models.BigIntegerField()  # the latest minute in which any was counted, in seconds since 1970

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "name", "queue"], name="one_task_total")]
        indexes = [models.Index(fields=["counted_until"], name="workers_total_until")]


class CountedBatch(models.Model):
    """What a batch of events counted, stored with its tasks, until maintenance adds it to the periods. Figures are the sum of both."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    counts = models.BinaryField()  # as `task_statistics.encoded_batch`
