"""Experiments of the messaging lab: what a person started, and what the lab's process made of it."""

from __future__ import annotations

from django.db import models

from dashboard.models.people import User


class LabExperiment(models.Model):
    """A pattern with its knobs, in a virtual host of its own. `revision` counts the changes of the knobs. What a person requests is `knobs` and
    `stopped_by`; `state` and what came of it are written by the lab's process. REMOVING: its processes have ended, its virtual host may still be there."""

    WAITING, STARTING, RUNNING, REMOVING, ENDED = "waiting", "starting", "running", "removing", "ended"
    RUNS = (WAITING, STARTING, RUNNING)
    ACTIVE = (*RUNS, REMOVING)

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    user_name = models.CharField(max_length=150)
    broker = models.CharField(max_length=200)  # a name
    vhost = models.CharField(max_length=255, default="")
    pattern = models.CharField(max_length=40)
    knobs = models.JSONField(default=dict)
    revision = models.IntegerField(default=1)
    state = models.CharField(max_length=16, default=WAITING)
    reason = models.TextField(default="")  # why it ended
    problem = models.TextField(default="")  # what it waits for now
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=150, default="")
    holder = models.CharField(max_length=200, default="")  # the process that runs it
    measured = models.JSONField(null=True)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state"], name="lab_experiment_state")]
