from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0020_mark'),
    ]

    operations = [
        migrations.CreateModel(
            name='RemoteWrite',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=32, unique=True)),
                ('address', models.TextField()),
                ('positions', models.JSONField(default=dict)),
                ('samples', models.BigIntegerField(default=0)),
                ('dropped', models.BigIntegerField(default=0)),
                ('refusal', models.TextField(default='')),
                ('error', models.TextField(default='')),
                ('failing_since', models.DateTimeField(null=True)),
                ('behind_since', models.DateTimeField(null=True)),
                ('tried_at', models.DateTimeField(null=True)),
                ('written_at', models.DateTimeField(null=True)),
            ],
        ),
    ]
