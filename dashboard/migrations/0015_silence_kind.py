from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dashboard', '0014_invitation'),
    ]

    operations = [
        migrations.AddField(
            model_name='silence',
            name='kind',
            field=models.CharField(default='*', max_length=16),
        ),
    ]
