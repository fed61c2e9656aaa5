from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workers', '0011_writer'),
    ]

    operations = [
        migrations.AddField(
            model_name='eventsource',
            name='hint',
            field=models.TextField(default=''),
        ),
        migrations.AddField(
            model_name='eventsource',
            name='names',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='task',
            name='revoked_by',
            field=models.CharField(default='', max_length=255),
        ),
        migrations.AddField(
            model_name='worker',
            name='forgotten_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='pinned',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
