from django.db import migrations


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("CREATE VIRTUAL TABLE workers_task_words USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')")
        return
    schema_editor.execute("CREATE TABLE workers_task_words (task_id bigint PRIMARY KEY, words tsvector NOT NULL)")
    schema_editor.execute("CREATE INDEX workers_task_words_words ON workers_task_words USING gin (words)")


def drop(apps, schema_editor):
    schema_editor.execute("DROP TABLE workers_task_words")


class Migration(migrations.Migration):
    """What tasks are searched for by: an FTS5 table beside theirs, rowid being the task's id (PostgreSQL: tsvectors). The store keeps it; the texts are cut there."""

    dependencies = [("workers", "0002_tasks")]

    operations = [
        migrations.RunPython(make, drop),
    ]
