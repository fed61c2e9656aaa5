"""Views of the list of tasks that people keep."""

from __future__ import annotations

from django.db import models

from dashboard.models.people import User


class TaskView(models.Model):
    """A filter with columns, order and place under a name. What is shared is seen by whoever may view all of its place; `is_usual`: its columns are those
    that its owner sees without choosing any."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    filter = models.TextField(default="")
    columns = models.TextField(default="")
    sort = models.CharField(max_length=50, default="")
    broker = models.CharField(max_length=200, default="")  # a name; "": all
    vhost = models.CharField(max_length=255, default="")
    shared = models.BooleanField(default=False)
    is_usual = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_task_view")]
        indexes = [models.Index(fields=["shared"], condition=models.Q(shared=True), name="shared_task_views")]
