"""Events that the code of tasks sends itself."""

from __future__ import annotations

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models import Broker


class TaskEvents(models.Model):
    """The custom events that are kept of one task, apart from its row, which most tasks have alone: `task-progress` and whatever else its code sends."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)  # the constraint's index begins with it
    vhost = models.CharField(max_length=255)
    uuid = models.CharField(max_length=255)
    events = models.TextField()  # JSON, as `workers.custom_events` writes it: there the fields keep their order
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "vhost", "uuid"], name="one_task_events")]
        indexes = [models.Index(fields=["seen_at"], name="workers_task_events_seen")]
