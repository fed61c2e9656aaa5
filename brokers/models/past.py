"""History: snapshots of numbers, versions of the topology, changes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from brokers.models.places import Broker


class Snapshot(models.Model):
    """One moment of a broker in the codec of `brokers.snapshots`: a keyframe, or the differences to the previous snapshot."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)  # queues, broker, workers, exchanges
    step = models.IntegerField()  # RAW_STEP: a poll
    at = models.DateTimeField()
    is_key = models.BooleanField()
    data = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["broker", "kind", "step", "at"]),
            models.Index(fields=["broker", "kind", "step", "at"], condition=Q(is_key=True), name="snapshot_keyframes"),
        ]


class SnapshotBlock(models.Model):
    """The snapshots after a keyframe of some objects, in the codec of `brokers.snapshots.blocks`; the keyframe stays a snapshot."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()  # of the keyframe
    until = models.DateTimeField()  # of the last frame
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["broker", "kind", "at", "first_id"], name="snapshot_blocks")]


class Rollup(models.Model):
    """What the numbers of a broker's objects were over an interval, in the codec of `brokers.snapshots.rollups`. A keyframe without data is packed: what it
    and the intervals after it had is in RollupBlocks."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16)  # as of Snapshot
    step = models.IntegerField()  # seconds: 60, 600
    at = models.DateTimeField()  # its beginning
    is_key = models.BooleanField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["broker", "kind", "step", "at"], name="one_rollup")]
        indexes = [models.Index(fields=["broker", "kind", "step", "at"], condition=Q(is_key=True), name="rollup_keyframes")]


class RollupBlock(models.Model):
    """The rollups from a keyframe to before the next one, of some objects, in the codec of `brokers.snapshots.blocks`."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16)
    step = models.IntegerField()
    at = models.DateTimeField()  # of the keyframe
    until = models.DateTimeField()  # the beginning of the last interval; those after it don't count, as the clock was set back
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["broker", "kind", "step", "at", "first_id"], name="rollup_blocks")]


class TopologyVersion(models.Model):
    """Exchanges, queues, bindings and policies of a virtual host, stored when they change (without exclusive and auto-delete objects)."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255)
    at = models.DateTimeField()
    content_hash = models.CharField(max_length=64)
    data = models.BinaryField()  # zstd of msgspec JSON of brokers.topology.Topology

    class Meta:
        indexes = [models.Index(fields=["broker", "vhost", "at"])]


class Change(models.Model):
    """Something added, deleted or changed in a broker, as a sentence: "binding order.* to mail added". It happened between the poll of `earlier_at` and the
    one of `at`."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    vhost = models.CharField(max_length=255, default="")
    at = models.DateTimeField()
    earlier_at = models.DateTimeField(null=True)  # None: not known
    kind = models.CharField(max_length=32)  # of brokers.diff.KINDS
    what = models.CharField(max_length=32)  # of brokers.diff.WHATS
    name = models.TextField()
    text = models.TextField()
    before = models.JSONField(null=True)  # as brokers.change_details keeps a definition; None: there was none, or it is not known
    after = models.JSONField(null=True)
    who = models.CharField(max_length=255, null=True)  # the user of the broker, where its event says so

    class Meta:
        indexes = [models.Index(fields=["broker", "at"])]


class DefinitionActor(models.Model):
    """Who changed a definition, as an event of the broker says; kept for some minutes, for the changes that polls find."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)  # as of a Change
    what = models.CharField(max_length=32)
    vhost = models.CharField(max_length=255)
    name = models.TextField()
    who = models.CharField(max_length=255)

    class Meta:
        indexes = [models.Index(fields=["broker", "at"], name="definition_actor_at")]


class UsualHour(models.Model):
    """What the numbers of a broker's queues were in an hour, as `brokers.usual_hours` keeps it; for five weeks."""

    id = models.BigAutoField(primary_key=True)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE)
    at = models.DateTimeField()  # its beginning
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["broker", "at"], name="one_usual_hour")]


class Usuals(models.Model):
    """What is usual of each of a broker's queues in this hour of the week, as learned from the rows of `UsualHour`."""

    id = models.BigAutoField(primary_key=True)
    broker = models.OneToOneField(Broker, on_delete=models.CASCADE)
    at = models.DateTimeField()  # the beginning of the hour that it is for
    data = models.BinaryField()
