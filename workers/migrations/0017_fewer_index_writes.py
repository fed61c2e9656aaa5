from django.db import migrations, models

QUEUE = "CREATE INDEX workers_task_in_queue ON workers_task ({}) WHERE queue IS NOT NULL"
WORDS = "CREATE VIRTUAL TABLE workers_task_words USING fts5(words, columnsize=0, tokenize = 'unicode61 remove_diacritics 2')"


def make(apps, schema_editor):
    execute, postgresql = schema_editor.execute, schema_editor.connection.vendor == "postgresql"
    execute("DROP INDEX workers_tas_changed_b97021_idx")
    execute("DROP INDEX workers_task_in_queue")
    execute(QUEUE.format("queue, id" if postgresql else "queue"))
    if postgresql:
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM workers_task_words LIMIT 1")
        if cursor.fetchone() is None:  # one that has rows works as well, and would take a minute to be written anew
            cursor.execute("DROP TABLE workers_task_words")
            cursor.execute(WORDS)


class Migration(migrations.Migration):
    """What each stored event writes and no query reads: when tasks changed, that they have no queue, and (of SQLite's words) how many each task has."""

    dependencies = [("workers", "0016_task_days")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(make, migrations.RunPython.noop)],
            state_operations=[
                migrations.RemoveIndex(model_name="task", name="workers_tas_changed_b97021_idx"),
                migrations.RemoveIndex(model_name="task", name="workers_task_in_queue"),
                migrations.AddIndex(
                    model_name="task",
                    index=models.Index(condition=models.Q(("queue__isnull", False)), fields=["queue"], name="workers_task_in_queue"),
                ),
            ],
        )
    ]
