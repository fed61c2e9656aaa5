"""Where tasks in a worker's memory came from, and the memory of its main process."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0019_worker_silence")]

    operations = [
        migrations.AddField("worker", "reserved_routes", models.JSONField(null=True)),
        migrations.AddField("worker", "scheduled_routes", models.JSONField(null=True)),
        migrations.AddField("worker", "peak_memory_bytes", models.BigIntegerField(null=True)),
    ]
