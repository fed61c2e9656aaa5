from django.db import migrations, models


def forget_former_process(apps, schema_editor):
    """The maintenance process had another name: a heartbeat that nobody renews would age for ever in the metrics."""
    for model in ("Heartbeat", "Lease"):
        field = "kind" if model == "Heartbeat" else "name"
        apps.get_model("brokers", model).objects.filter(**{field: "chores"}).delete()


class Migration(migrations.Migration):
    dependencies = [("brokers", "0004_heartbeat_problem")]

    operations = [
        migrations.RunPython(forget_former_process, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="interest", name="one_interest"),
        migrations.RenameModel(old_name="Interest", new_name="DetailRequest"),
        migrations.AddConstraint(
            model_name="detailrequest",
            constraint=models.UniqueConstraint(fields=("broker", "kind", "vhost", "name"), name="one_detail_request"),
        ),
    ]
