import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0023_node_clocks'),
    ]

    operations = [
        migrations.AddField(model_name='change', name='earlier_at', field=models.DateTimeField(null=True)),
        migrations.AddField(model_name='change', name='before', field=models.JSONField(null=True)),
        migrations.AddField(model_name='change', name='after', field=models.JSONField(null=True)),
        migrations.AddField(model_name='change', name='who', field=models.CharField(max_length=255, null=True)),
        migrations.AddField(model_name='broker', name='permissions_at', field=models.DateTimeField(null=True)),
        migrations.AddField(model_name='broker', name='users', field=models.JSONField(null=True)),
        migrations.AddField(model_name='installation', name='started_with', field=models.JSONField(default=dict)),
        migrations.AddField(model_name='permission', name='configure', field=models.TextField(null=True)),
        migrations.AddField(model_name='permission', name='read', field=models.TextField(null=True)),
        migrations.CreateModel(
            name='DefinitionActor',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=32)),
                ('what', models.CharField(max_length=32)),
                ('vhost', models.CharField(max_length=255)),
                ('name', models.TextField()),
                ('who', models.CharField(max_length=255)),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='brokers.broker')),
            ],
        ),
        migrations.AddIndex(
            model_name='definitionactor',
            index=models.Index(fields=['broker', 'at'], name='definition_actor_at'),
        ),
    ]
