"""When something was last published to a queue that nobody consumes."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("brokers", "0010_evidence")]

    operations = [migrations.AddField("queue", "last_publish_at", models.DateTimeField(null=True))]
