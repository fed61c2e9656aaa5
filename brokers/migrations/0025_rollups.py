import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0024_change_details'),
    ]

    operations = [
        migrations.CreateModel(
            name='Rollup',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('step', models.IntegerField()),
                ('at', models.DateTimeField()),
                ('is_key', models.BooleanField()),
                ('data', models.BinaryField()),
                ('broker', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_key', True)), fields=['broker', 'kind', 'step', 'at'], name='rollup_keyframes')],
                'constraints': [models.UniqueConstraint(fields=('broker', 'kind', 'step', 'at'), name='one_rollup')],
            },
        ),
    ]
