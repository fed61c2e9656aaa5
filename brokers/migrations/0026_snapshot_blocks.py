import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0025_rollups'),
    ]

    operations = [
        migrations.CreateModel(
            name='SnapshotBlock',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('at', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField()),
                ('data', models.BinaryField()),
                ('broker', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
            options={
                'indexes': [models.Index(fields=['broker', 'kind', 'at', 'first_id'], name='snapshot_blocks')],
            },
        ),
    ]
