"""Experiments of the messaging lab."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0021_remote_write'),
    ]

    operations = [
        migrations.CreateModel(
            name='LabExperiment',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('broker', models.CharField(max_length=200)),
                ('vhost', models.CharField(default='', max_length=255)),
                ('pattern', models.CharField(max_length=40)),
                ('knobs', models.JSONField(default=dict)),
                ('revision', models.IntegerField(default=1)),
                ('state', models.CharField(default='waiting', max_length=16)),
                ('reason', models.TextField(default='')),
                ('problem', models.TextField(default='')),
                ('requested_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('stopped_by', models.CharField(default='', max_length=150)),
                ('holder', models.CharField(default='', max_length=200)),
                ('measured', models.JSONField(null=True)),
                ('measured_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['state'], name='lab_experiment_state')],
            },
        ),
    ]
