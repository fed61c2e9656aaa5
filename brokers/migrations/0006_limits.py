from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("brokers", "0005_maintenance_and_detail_requests"),
    ]

    operations = [
        migrations.RenameField(model_name="broker", old_name="limits_to_sight", new_name="limits"),
    ]
