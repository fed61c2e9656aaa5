from django.db import migrations

TRIGGER = """
CREATE TRIGGER hareline_changed AFTER INSERT OR DELETE OR UPDATE OF revision ON workers_eventsource
FOR EACH STATEMENT EXECUTE FUNCTION hareline_changed()
"""
# Each index of SQLite ends with the row's id, in whose order lists are; those of PostgreSQL only if it is named
BY_ID = {"state": "workers_tas_state_83a6d2_idx", "queue": "workers_task_in_queue"}


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(TRIGGER)
    for column, name in BY_ID.items():
        schema_editor.execute(f"DROP INDEX {name}")
        schema_editor.execute(f"CREATE INDEX {name} ON workers_task ({column}, id)")


class Migration(migrations.Migration):
    """Of PostgreSQL alone: it notifies the web processes that a batch was stored, and its indexes of tasks have them in order."""

    dependencies = [("workers", "0013_task_states_in_indexes"), ("brokers", "0016_postgresql")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
