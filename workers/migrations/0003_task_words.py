from django.db import migrations


class Migration(migrations.Migration):
    """What tasks are searched for by: an FTS5 table beside theirs, rowid being the task's id. The store keeps it; the texts are cut there."""

    dependencies = [("workers", "0002_tasks")]

    operations = [
        migrations.RunSQL(
            "CREATE VIRTUAL TABLE workers_task_words USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')",
            "DROP TABLE workers_task_words",
        )
    ]
