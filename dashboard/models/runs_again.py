"""Tasks that a person ran again: which new task runs which old one."""

from __future__ import annotations

from django.db import models

from dashboard.models.people import User

NOT_RUN_AGAIN = ("left out", "not sent", "returned")
"""States of what no queue has."""


class RunAgainBatch(models.Model):
    """Tasks of one virtual host that a person runs again together, one after the other. `beat_at`: when the program that sends them last did something."""

    RUNNING, STOPPED, DONE = "running", "stopped", "done"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    user_name = models.CharField(max_length=150)
    broker = models.CharField(max_length=200)  # a name
    vhost = models.CharField(max_length=255)
    about = models.TextField(default="")  # a filter or the failures that the tasks were chosen by
    per_second = models.FloatField()
    state = models.CharField(max_length=16, default=RUNNING)
    reason = models.TextField(default="")  # why it was stopped
    begun_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["begun_at"], name="run_again_batch_begun")]


class RunAgain(models.Model):
    """One task of a batch. A row is SENDING before the message may leave, so that what a crash interrupts is never sent a second time."""

    WAITING, SENDING, LEFT_OUT = "waiting", "sending", "left out"  # else an outcome of `workers.sending.sender`

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(RunAgainBatch, on_delete=models.CASCADE)
    old_task = models.BigIntegerField(null=True)  # the key of its row, while that is kept
    old_uuid = models.CharField(max_length=255)
    new_uuid = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    state = models.CharField(max_length=16, default=WAITING)
    reason = models.TextField(default="")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["new_uuid"], name="one_run_again")]
        indexes = [models.Index(fields=["old_uuid"], name="run_again_old")]
