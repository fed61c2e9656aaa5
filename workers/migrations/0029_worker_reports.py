from django.db import migrations, models
from django.db.models import deletion


class Migration(migrations.Migration):

    dependencies = [
        ('workers', '0028_results'),
    ]

    operations = [
        migrations.CreateModel(
            name='WorkerReport',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('content_hash', models.CharField(max_length=64)),
                ('data', models.BinaryField()),
                ('worker', models.ForeignKey(on_delete=deletion.CASCADE, to='workers.worker')),
            ],
            options={
                'indexes': [models.Index(fields=['worker', 'at'], name='workers_wor_worker__761b34_idx')],
            },
        ),
    ]
