"""Who is notified of findings: targets, what each was notified of, and the messages to them. Addresses and passwords are encrypted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, UniqueConstraint

from dashboard.models.findings import Finding


class Target(models.Model):
    """Where messages go, which findings, and when."""

    APPRISE, MAIL, WEBHOOK, HEARTBEAT = "apprise", "mail", "webhook", "heartbeat"

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16)  # one of the above; a heartbeat gets no findings but pings while Hareline is well
    secret = models.TextField()  # a Fernet token: JSON by the kind, see `dashboard.notifications.addresses`
    shown = models.TextField()  # the address without what may be a secret
    options = models.JSONField(default=dict)  # of the address, nothing secret: host, port, sender, recipients of mail
    selection = models.JSONField(default=dict)  # which findings: `dashboard.notifications.choosing.Selection`
    schedule = models.JSONField(default=dict)  # when: `dashboard.notifications.choosing.Schedule`
    at_once = models.BooleanField(default=True)  # False: only the digest
    group_seconds = models.FloatField(default=15.0)  # what opens within it is one message
    repeat_seconds = models.FloatField(null=True)  # None: not repeated
    recovery = models.BooleanField(default=True)
    digest_hour = models.IntegerField(null=True)  # in the time zone of the schedule; None: no digest
    digest_at = models.DateTimeField(null=True)  # when the last one was planned
    paused = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)  # it failed lately, and nothing is sent to it before
    failures = models.IntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")  # a sentence of ours, without address or answer


class Notice(models.Model):
    """What a target was notified of a finding: it counts as open there until its recovery was planned."""

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(Target, on_delete=models.CASCADE)
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE)
    open = models.BooleanField(default=True)
    level = models.CharField(max_length=16)
    at = models.DateTimeField()  # when the last message about it was planned

    class Meta:
        constraints = [UniqueConstraint(fields=["target", "finding"], name="one_notice")]


class Delivery(models.Model):
    """A message to a target, from when it is planned until it is sent or given up. `key` is its stable id, the same in every attempt."""

    OPENED, RECOVERED, REPEATED, DIGEST = "opened", "recovered", "repeated", "digest"
    WAITING, SENT, FAILED = "waiting", "sent", "failed"

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=32, unique=True)
    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=16)  # one of the above
    state = models.CharField(max_length=16, default=WAITING)
    planned_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # sent or given up
    error = models.TextField(default="")

    class Meta:
        indexes = [
            models.Index(fields=["target", "id"], condition=Q(state="waiting"), name="waiting_deliveries"),
            models.Index(fields=["ended_at"]),
        ]


class DeliveryItem(models.Model):
    """A finding in a message, with the stable id of what happened to it: the same for every target."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="items")
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE)
    key = models.CharField(max_length=32)
    event = models.CharField(max_length=16)  # opened, returned, level, repeated, recovered
