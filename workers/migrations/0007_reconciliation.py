from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0006_task_queue")]

    operations = [
        migrations.AddField(model_name="worker", name="reconciliation", field=models.JSONField(default=dict)),
    ]
