"""The listeners of all nodes instead of one AMQP port. The next poll fills them in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("brokers", "0007_connections")]

    operations = [
        migrations.RemoveField(model_name="broker", name="amqp_port"),
        migrations.RemoveField(model_name="broker", name="amqp_tls"),
        migrations.AddField(model_name="broker", name="listeners", field=models.JSONField(default=list)),
    ]
