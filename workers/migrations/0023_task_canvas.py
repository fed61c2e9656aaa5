import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0023_node_clocks'),
        ('workers', '0022_periodic'),
    ]

    operations = [
        migrations.CreateModel(
            name='TaskCanvas',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('vhost', models.CharField(max_length=255)),
                ('uuid', models.CharField(max_length=255)),
                ('group', models.CharField(max_length=255, null=True)),
                ('body', models.CharField(max_length=255, null=True)),
                ('stamps', models.JSONField(default=dict)),
                ('seen_at', models.DateTimeField()),
                ('broker', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
            options={
                'indexes': [models.Index(fields=['group'], name='workers_canvas_of_group'), models.Index(fields=['seen_at'], name='workers_canvas_seen')],
                'constraints': [models.UniqueConstraint(fields=('broker', 'vhost', 'uuid'), name='one_task_canvas')],
            },
        ),
    ]
