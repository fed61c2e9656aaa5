from datetime import UTC, datetime

from django.db import migrations

from brokers.database.partitions import add_days, by_id, convert, day_of

TASKS = by_id("workers_task", "id", ("broker_id", "vhost", "uuid"))
WORDS = by_id("workers_task_words", "task_id")
NUMBER = """
CREATE FUNCTION hareline_task_id(first_seen_at timestamptz) RETURNS bigint LANGUAGE sql VOLATILE AS
'SELECT (floor(extract(epoch FROM $1) / 86400)::bigint << 36) | (nextval(''workers_task_id_seq'') & 68719476735)'
"""


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    now = datetime.now(UTC)
    execute = schema_editor.execute
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM workers_task_id_seq")
        following = cursor.fetchone()[0]
    execute("ALTER TABLE workers_task ALTER COLUMN id DROP IDENTITY", None)
    convert(execute, TASKS, ("id",), day_of(now), "one_task")
    execute(f"CREATE SEQUENCE workers_task_id_seq START WITH {following} OWNED BY workers_task.id", None)
    execute(NUMBER, None)
    execute("ALTER TABLE workers_task ALTER COLUMN id SET DEFAULT hareline_task_id(now())", None)
    convert(execute, WORDS, ("task_id",), day_of(now))
    add_days((TASKS, WORDS), now)


class Migration(migrations.Migration):
    """Of PostgreSQL alone: a partition for each day on which tasks were first seen. The tasks that are stored become the first partition as they are."""

    dependencies = [("workers", "0015_task_counts")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
