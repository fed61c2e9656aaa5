"""What was written to a long-term store."""

from __future__ import annotations

from django.db import models


class RemoteWrite(models.Model):
    """A store that figures are written to, and up to which moments they were."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=32, unique=True)  # a fingerprint of its address
    address = models.TextField()  # without credentials and query
    positions = models.JSONField(default=dict)  # {"<broker's id> <kind of snapshots>": the last moment that was written}
    samples = models.BigIntegerField(default=0)  # accepted by the store
    dropped = models.BigIntegerField(default=0)  # samples that it refused for good
    refusal = models.TextField(default="")  # why, of the last ones; a clause
    error = models.TextField(default="")  # why nothing can be written, as a clause; "" while it can
    failing_since = models.DateTimeField(null=True)
    behind_since = models.DateTimeField(null=True)  # the first recorded moment that waits to be written; None: none does
    tried_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)  # when the store last accepted anything
