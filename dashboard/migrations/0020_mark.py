import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0023_node_clocks'),
        ('dashboard', '0019_runs_again'),
    ]

    operations = [
        migrations.CreateModel(
            name='Mark',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('title', models.CharField(max_length=200)),
                ('url', models.TextField(default='')),
                ('made_by', models.CharField(max_length=150)),
                ('made_at', models.DateTimeField()),
                ('broker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='mark_at')],
            },
        ),
    ]
