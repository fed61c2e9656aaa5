"""Findings: what is wrong and since when, what happened to each, and when the rules last looked."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q, UniqueConstraint, Value
from django.db.models.functions import Coalesce

from brokers.models import Broker
from dashboard.models.people import User


class Finding(models.Model):
    """Something that a rule found wrong with an object, from when it was first seen until it was gone for long enough.

    `identity` is the same for the same rule and object, whenever; of those only one is open. Rows keep what was seen last, so that a closed one still has
    its evidence.
    """

    id = models.BigAutoField(primary_key=True)
    identity = models.CharField(max_length=64)  # `dashboard.findings.rule.identity`
    rule = models.CharField(max_length=40)
    level = models.CharField(max_length=16)  # critical, warning, notice, unknown
    worst_level = models.CharField(max_length=16)
    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE)  # None: about Hareline itself
    vhost = models.CharField(max_length=255, default="")
    kind = models.CharField(max_length=16)  # of the object: broker, node, queue, exchange, worker, connection, source, process, rule
    name = models.TextField(default="")
    object_id = models.BigIntegerField(null=True)  # its primary key
    title = models.TextField()  # a clause that begins with the name: "mail is growing and nobody consumes it"
    short = models.TextField(default="")  # the same without the name, for lists of these objects
    opened_at = models.DateTimeField()  # when it was first seen
    since = models.DateTimeField(null=True)  # when it began, according to the evidence; None: not known to be before opened_at
    since_at_least = models.BooleanField(default=False)  # it may have begun before `since`
    seen_at = models.DateTimeField()  # the last round that saw it
    absent_since = models.DateTimeField(null=True)  # the first of the latest rounds that did not see it, though they could have
    lower_since = models.DateTimeField(null=True)  # since when it was seen at a lower level than `level`
    unsure = models.TextField(default="")  # why it can't be seen at the moment, so that it is neither confirmed nor cleared
    closed_at = models.DateTimeField(null=True)
    close_reason = models.TextField(default="")
    again_since = models.DateTimeField(null=True)  # of one that was closed in between and is back: when it began again
    returned = models.IntegerField(default=0)  # how often it was back soon after it had closed
    under = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="effects")  # the finding that explains it
    body = models.JSONField(default=dict)  # of `dashboard.findings.rule.Found`: summary, meaning, evidence, causes, to_do, command, links, clears
    taken_by = models.CharField(max_length=200, default="")  # who said "I am on it"
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["identity"], condition=Q(closed_at=None), name="one_open_finding")]
        indexes = [
            models.Index(fields=["identity", "opened_at"]),
            models.Index(fields=["closed_at"]),
            models.Index(fields=["opened_at"]),
        ]

    @property
    def began(self) -> datetime:
        """When it began; of one that is back, when it did so again: while it was closed nothing was wrong. The events have each time."""
        return self.again_since or min(self.since or self.opened_at, self.opened_at)


class FindingEvent(models.Model):
    """What happened to a finding: opened, level, closed, returned, taken, released, comment, silenced, notified, not notified."""

    id = models.BigAutoField(primary_key=True)
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    level = models.CharField(max_length=16, default="")
    user_name = models.CharField(max_length=200, default="")
    text = models.TextField(default="")
    planned = models.BooleanField(default=False)  # whoever is to be notified of it has a message waiting

    class Meta:
        indexes = [
            models.Index(fields=["at"]),
            models.Index(fields=["id"], condition=Q(planned=False), name="unplanned_events"),
        ]


class Silence(models.Model):
    """Findings that match are kept and shown apart, and nobody is notified, until `until`. Patterns are shell-style (`*`, `?`); "*" matches all."""

    id = models.BigAutoField(primary_key=True)
    rule = models.CharField(max_length=40, default="*")
    broker = models.CharField(max_length=200, default="*")
    vhost = models.CharField(max_length=255, default="*")
    name = models.TextField(default="*")
    kind = models.CharField(max_length=16, default="*")  # of the object, as a finding has it; "*": of any kind
    reason = models.TextField()
    user_name = models.CharField(max_length=200)
    begun_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # a person ended it before `until`


class FindingRound(models.Model):
    """When the rules last looked at a broker (None: at Hareline itself), and what that cost."""

    id = models.BigAutoField(primary_key=True)
    broker = models.OneToOneField(Broker, null=True, on_delete=models.CASCADE)
    at = models.DateTimeField()
    took_ms = models.FloatField()  # of processor time
    rules = models.IntegerField()  # how many looked
    failed = models.JSONField(default=list)  # the keys of those that raised an error
    unsure = models.JSONField(default=dict)  # {rule: why it could not look}

    class Meta:
        constraints = [  # of Hareline itself too there is one: to a unique index, NULLs are not the same
            UniqueConstraint(Coalesce("broker", Value(0)), condition=Q(broker=None), name="one_round_of_hareline")
        ]


class RuleSetting(models.Model):
    """A threshold that a person set for what matches; of several the most specific one counts, of equal ones the newest."""

    id = models.BigAutoField(primary_key=True)
    rule = models.CharField(max_length=40)
    threshold = models.CharField(max_length=40)  # the key of one of the rule's thresholds, or "off"
    broker = models.CharField(max_length=200, default="*")
    vhost = models.CharField(max_length=255, default="*")
    name = models.TextField(default="*")
    value = models.FloatField()
    user_name = models.CharField(max_length=200)
    at = models.DateTimeField()


class FeedToken(models.Model):
    """A token in the address of the feed of findings, good for nothing else. Only its SHA-256 is stored; the token itself is shown once."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
