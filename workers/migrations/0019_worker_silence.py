from django.db import migrations, models

PARTS = (
    ("it shut down cleanly", "shut down"),
    ("control queue still present at the last poll of the broker", "connected"),
    ("its control queue is gone from the broker", "disconnected"),
    ("the broker blocks publishers", "blocked"),
)
"""By these parts of a reason this was read before."""


def read_from_reasons(apps, schema_editor):
    workers = apps.get_model("workers", "Worker").objects
    for part, silence in PARTS:
        workers.filter(reason__contains=part).update(silence=silence)


class Migration(migrations.Migration):
    dependencies = [("workers", "0018_task_changed_at")]

    operations = [
        migrations.AddField("worker", "silence", models.CharField(default="", max_length=16)),
        migrations.RunPython(read_from_reasons, migrations.RunPython.noop),
    ]
