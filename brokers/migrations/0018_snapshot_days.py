from datetime import UTC, datetime, timedelta

from django.db import migrations

from brokers.database.partitions import add_days, by_time, convert, day_of

SNAPSHOTS = by_time("brokers_snapshot", "at")


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    now = datetime.now(UTC)
    execute = schema_editor.execute
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM brokers_snapshot_id_seq")
        following = cursor.fetchone()[0]
        cursor.execute("SELECT max(at) FROM brokers_snapshot")
        last = max(cursor.fetchone()[0] or now, now)
    execute("ALTER TABLE brokers_snapshot ALTER COLUMN id DROP IDENTITY", None)
    convert(execute, SNAPSHOTS, ("id", "at"), day_of(last) + 1)
    execute(f"CREATE SEQUENCE brokers_snapshot_id_seq START WITH {following} OWNED BY brokers_snapshot.id", None)
    execute("ALTER TABLE brokers_snapshot ALTER COLUMN id SET DEFAULT nextval('brokers_snapshot_id_seq')", None)
    add_days((SNAPSHOTS,), last + timedelta(days=1))


class Migration(migrations.Migration):
    """Of PostgreSQL alone: a partition for each day of snapshots. Those that are stored become the first partition as they are, with those of today."""

    dependencies = [("brokers", "0017_processes")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
