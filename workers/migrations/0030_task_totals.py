import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0023_node_clocks'),
        ('workers', '0029_worker_reports'),
    ]

    operations = [
        migrations.CreateModel(
            name='TaskTotal',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('vhost', models.CharField(max_length=255)),
                ('name', models.CharField(max_length=500)),
                ('queue', models.CharField(max_length=255)),
                ('sent', models.BigIntegerField(default=0)),
                ('received', models.BigIntegerField(default=0)),
                ('started', models.BigIntegerField(default=0)),
                ('retried', models.BigIntegerField(default=0)),
                ('rejected', models.BigIntegerField(default=0)),
                ('revoked', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('succeeded', models.BigIntegerField(default=0)),
                ('counted_until', models.BigIntegerField()),
                ('broker', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
            options={
                'indexes': [models.Index(fields=['counted_until'], name='workers_total_until')],
                'constraints': [models.UniqueConstraint(fields=('broker', 'vhost', 'name', 'queue'), name='one_task_total')],
            },
        ),
    ]
