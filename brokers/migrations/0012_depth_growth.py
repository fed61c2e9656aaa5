"""How fast a queue's depth changes."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("brokers", "0011_last_publish")]

    operations = [migrations.AddField("queue", "growth_per_second", models.FloatField(null=True))]
