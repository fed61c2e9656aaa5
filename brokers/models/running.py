"""What Hareline's processes share through the database: detail requests, leases and heartbeats."""

from __future__ import annotations

from django.db import models
from django.db.models import UniqueConstraint

from brokers.models.keys import AutoKey
from brokers.models.places import Broker


class DetailRequest(AutoKey):
    """A page shows this object until `until`: the poller fetches its details, once for all viewers."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)  # queue, exchange
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    until = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["broker", "kind", "vhost", "name"], name="one_detail_request")]


class DefinitionEvents(AutoKey):
    """What the receiver learns from a broker's event exchange, for the poller: which virtual hosts changed. No row: the exchange is not there, or may not be
    bound."""

    broker = models.OneToOneField(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)  # of the exchange
    problem = models.TextField(default="")  # a sentence while they can't be received
    since = models.DateTimeField()  # when that began, or receiving them
    heard_at = models.DateTimeField(null=True)  # when the receiver was connected last
    everything = models.BigIntegerField(default=0)  # how often something changed that no virtual host was named for, or may have changed unnoticed
    counts = models.JSONField(default=dict)  # {virtual host: how many events named it}


class Lease(AutoKey):
    """The right to do a piece of work: of several processes of a kind, only the holder works, until `expires_at`."""

    name = models.CharField(max_length=255, unique=True)  # "poll demo", "receive demo"
    holder = models.CharField(max_length=255)  # "host:pid:start"
    expires_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)  # since when this holder has had it; None: taken by an older version


class Heartbeat(AutoKey):
    """When a process of Hareline last reported that it runs; `kind` is web, poller, receiver or maintenance. What is null is unknown: of an older version."""

    kind = models.CharField(max_length=16)
    holder = models.CharField(max_length=255)
    at = models.DateTimeField()
    standby = models.BooleanField(default=False)
    problem = models.TextField(default="")  # a clause: why it lives but does not do its work
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # when it stopped in good order; None while it runs, and for good where it was killed
    version = models.CharField(max_length=64, null=True)  # Hareline's
    brokers = models.JSONField(null=True)  # the names of those that it can work for
    facts = models.JSONField(null=True)  # {"software": {name: version}, "secret": fingerprint, "configuration": {variable: fingerprint}}
    measured = models.JSONField(null=True)  # at this heartbeat, as `brokers.polling.presence` has it

    class Meta:
        constraints = [UniqueConstraint(fields=["kind", "holder"], name="one_heartbeat")]
