"""What messages that were seen hold of a task's workflow."""

from __future__ import annotations

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models import Broker


class TaskCanvas(models.Model):
    """The group, chord and stamps of a task whose message was seen, kept apart from the task, which may have no row: events have none of them."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)  # the constraint's index begins with it
    vhost = models.CharField(max_length=255)
    uuid = models.CharField(max_length=255)
    group = models.CharField(max_length=255, null=True)
    body = models.CharField(max_length=255, null=True)  # of the chord whose header the task is in
    stamps = models.JSONField(default=dict)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "uuid"], name="one_task_canvas")]
        indexes = [
            models.Index(fields=["group"], name="workers_canvas_of_group"),
            models.Index(fields=["seen_at"], name="workers_canvas_seen"),
        ]
