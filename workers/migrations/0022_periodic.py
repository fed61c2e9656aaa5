from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0021_failure_groups")]

    operations = [migrations.AddField("worker", "periodic", models.JSONField(null=True))]
