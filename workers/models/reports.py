"""What worker nodes reported of their application, over time."""

from __future__ import annotations

from django.db import models

from workers.models.nodes import Worker


class WorkerReport(models.Model):
    """Configuration, consumed queues and registered tasks as a worker reported them, stored when they change."""

    id = models.BigAutoField(primary_key=True)
    worker = models.ForeignKey(Worker, on_delete=models.CASCADE)
    at = models.DateTimeField()
    content_hash = models.CharField(max_length=64)
    data = models.BinaryField()  # zstd of msgspec JSON of `workers.reports.Report`

    class Meta:
        indexes = [models.Index(fields=["worker", "at"])]
