from django.db import migrations, models


class Migration(migrations.Migration):
    """What the sender said is kept under its own name. The queue of tasks stored before stays unknown until an event tells more of them: the bindings of
    their time may no longer be there to be read."""

    dependencies = [
        ("workers", "0005_configuration"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="task", name="workers_tas_queue_44a685_idx"),
        migrations.RenameField(model_name="task", old_name="queue", new_name="sent_queue"),
        migrations.AddField(model_name="task", name="queue", field=models.CharField(max_length=255, null=True)),
        migrations.AddField(model_name="task", name="queues", field=models.TextField(null=True)),
        migrations.AddField(model_name="task", name="queue_source", field=models.CharField(max_length=16, null=True)),
        migrations.AddField(model_name="task", name="queue_reason", field=models.TextField(null=True)),
        migrations.AddIndex(model_name="task", index=models.Index(fields=["queue"], name="workers_task_in_queue")),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["queues"], name="workers_task_in_queues", condition=models.Q(("queues__isnull", False))),
        ),
    ]
