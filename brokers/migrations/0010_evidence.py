"""Evidence for the levels of queues, totals of virtual hosts, and the id of a cluster."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("brokers", "0009_transfers")]

    operations = [
        migrations.AddField("broker", "cluster_id", models.CharField(default="", max_length=255)),
        migrations.AddField("broker", "same_as", models.CharField(default="", max_length=200)),
        migrations.AddField("queue", "leader", models.CharField(max_length=255, null=True)),
        migrations.AddField("queue", "members", models.JSONField(null=True)),
        migrations.AddField("queue", "online", models.JSONField(null=True)),
        migrations.AddField("queue", "delayed", models.BigIntegerField(null=True)),
        migrations.AddField("queue", "active_consumers", models.IntegerField(null=True)),
        migrations.AddField("queue", "still_since", models.DateTimeField(null=True)),
        migrations.AddField("virtualhost", "ready", models.BigIntegerField(null=True)),
        migrations.AddField("virtualhost", "unacknowledged", models.BigIntegerField(null=True)),
        migrations.AddField("virtualhost", "publish_per_second", models.FloatField(null=True)),
        migrations.AddField("virtualhost", "deliver_per_second", models.FloatField(null=True)),
        migrations.AddField("virtualhost", "ack_per_second", models.FloatField(null=True)),
    ]
