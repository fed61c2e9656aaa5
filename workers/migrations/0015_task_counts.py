import django.db.models.deletion
from django.db import migrations, models

DAYS = {
    "sqlite": "CAST(strftime('%s', first_seen_at) AS INTEGER) / 86400",
    "postgresql": "floor(extract(epoch FROM first_seen_at) / 86400)::bigint",
}


def count(apps, schema_editor):
    day = DAYS[schema_editor.connection.vendor]
    schema_editor.execute(
        "INSERT INTO workers_taskcount (broker_id, vhost, day, state, tasks) "
        f"SELECT broker_id, vhost, {day}, state, count(*) FROM workers_task GROUP BY broker_id, vhost, {day}, state",
        None,
    )


class Migration(migrations.Migration):
    """How many tasks of each state are kept, counted once; from then on batches and retention keep it."""

    dependencies = [("brokers", "0016_postgresql"), ("workers", "0014_postgresql")]

    operations = [
        migrations.CreateModel(
            name="TaskCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("vhost", models.CharField(max_length=255)),
                ("day", models.IntegerField()),
                ("state", models.CharField(max_length=16)),
                ("tasks", models.BigIntegerField()),
                ("broker", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="brokers.broker")),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("broker", "vhost", "day", "state"), name="one_task_count")]},
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
