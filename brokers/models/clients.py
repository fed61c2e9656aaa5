"""Clients: connections, channels, consumers."""

from __future__ import annotations

from django.db import models

from brokers.lab_names import is_of_lab
from brokers.models.keys import AutoKey
from brokers.models.places import Broker


class Connection(AutoKey):
    """A connection as the broker last listed it. `client` and what follows it are not the broker's: a name to call it by, and sums of its channels.

    One that is closed keeps its row for an hour, as far as there are not too many.
    """

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=500)  # "127.0.0.1:52008 -> 127.0.0.1:5672"
    provided_name = models.CharField(max_length=500, default="")  # client_properties.connection_name
    user = models.CharField(max_length=255)
    peer_host = models.CharField(max_length=255)
    peer_port = models.IntegerField(null=True)
    node = models.CharField(max_length=255, default="")
    state = models.CharField(max_length=32, default="")
    product = models.CharField(max_length=255, default="")  # "py-amqp 5.4.2"
    channels = models.IntegerField(null=True)
    connected_at = models.DateTimeField(null=True)
    tls = models.BooleanField(null=True)
    protocol = models.CharField(max_length=32, default="")  # "AMQP 0-9-1"
    received_bytes_per_second = models.FloatField(null=True)
    sent_bytes_per_second = models.FloatField(null=True)
    client = models.CharField(max_length=500, default="")  # the name it gave itself, else its library
    unacknowledged = models.BigIntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)
    publishes = models.JSONField(null=True)  # [{"exchange", "per_second"}]; None: not read, or the broker does not count it
    publishes_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    OWN_PRODUCT = "Hareline"

    class Meta:
        indexes = [models.Index(fields=["broker", "gone_at"])]

    @property
    def is_own(self) -> bool:
        """Whether it is one of Hareline's own."""
        return self.product.startswith(self.OWN_PRODUCT)

    @property
    def is_machinery(self) -> bool:
        """Whether it is one of Hareline's own that watch; an experiment of the lab consists of the others."""
        return self.is_own and not is_of_lab(self.vhost)


class ClientTrend(AutoKey):
    """How many connections and channels a client has had: one row for each (virtual host, user, host, library) of those with the most."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    user = models.CharField(max_length=255)
    peer_host = models.CharField(max_length=255)
    product = models.CharField(max_length=255)
    samples = models.JSONField(default=list)  # [[Unix time, connections, channels]], one a minute for an hour, the latest last

    class Meta:
        constraints = [models.UniqueConstraint(fields=["broker", "vhost", "user", "peer_host", "product"], name="one_client_trend")]


class Channel(AutoKey):
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    connection_name = models.CharField(max_length=500)
    number = models.IntegerField()
    consumers = models.IntegerField(null=True)
    prefetch = models.IntegerField(null=True)  # per consumer
    global_prefetch = models.IntegerField(null=True)  # shared on the channel: what Celery sets
    unacknowledged = models.IntegerField(null=True)
    confirms = models.BooleanField(null=True)
    state = models.CharField(max_length=32, default="")
    unconfirmed = models.IntegerField(null=True)
    publish_per_second = models.FloatField(null=True)
    deliver_per_second = models.FloatField(null=True)
    ack_per_second = models.FloatField(null=True)


class Consumer(AutoKey):
    """A consumer of a queue as the broker lists it, replaced at every round."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    queue = models.CharField(max_length=255)
    tag = models.CharField(max_length=500)
    connection_name = models.CharField(max_length=500, default="")
    channel_name = models.CharField(max_length=500, default="")
    peer_host = models.CharField(max_length=255, default="")
    peer_port = models.IntegerField(null=True)
    user = models.CharField(max_length=255, default="")
    ack_required = models.BooleanField(null=True)
    exclusive = models.BooleanField(null=True)
    active = models.BooleanField(null=True)
    activity_status = models.CharField(max_length=64, default="")
    prefetch = models.IntegerField(null=True)
    arguments = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost", "queue"])]
