from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0022_consumers_at'),
    ]

    operations = [
        migrations.AddField(
            model_name='node',
            name='clock_skew_seconds',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='node',
            name='clock_at',
            field=models.DateTimeField(null=True),
        ),
    ]
