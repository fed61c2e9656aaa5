from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("dashboard", "0002_drop_silence_and_saved_view"),
    ]

    operations = [
        migrations.RenameField(model_name="auditevent", old_name="act", new_name="action"),
    ]
