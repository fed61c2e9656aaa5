from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workers', '0010_active_tasks_at'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventsource',
            name='writer',
            field=models.CharField(default='', max_length=32),
        ),
    ]
