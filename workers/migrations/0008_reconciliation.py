from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0007_uncertain_messages")]

    operations = [
        migrations.AddField(model_name="worker", name="reconciliation", field=models.JSONField(default=dict)),
    ]
