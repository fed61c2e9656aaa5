from django.db import migrations, models
from django.db.models.functions import Coalesce


def drop_older(apps, schema_editor):
    """Two processes that stored the first round at the same time made two rows: the latest one stays."""
    rows = apps.get_model("dashboard", "FindingRound").objects.filter(broker=None)
    latest = rows.order_by("-at", "-pk").values_list("pk", flat=True).first()
    rows.exclude(pk=latest).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("dashboard", "0008_finding_again_since"),
    ]

    operations = [
        migrations.RunPython(drop_older, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="findinground",
            constraint=models.UniqueConstraint(Coalesce("broker", models.Value(0)), condition=models.Q(("broker", None)), name="one_round_of_hareline"),
        ),
    ]
