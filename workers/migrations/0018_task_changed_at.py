from django.db import migrations, models


class Migration(migrations.Migration):
    """The index that 0017 dropped: each round of the rules reads the tasks that ended since the last one. On PostgreSQL each partition gets one with it."""

    dependencies = [("workers", "0017_fewer_index_writes")]

    operations = [migrations.AddIndex(model_name="task", index=models.Index(fields=["changed_at"], name="workers_tas_changed_b97021_idx"))]
