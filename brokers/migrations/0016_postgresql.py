from django.db import migrations

STATEMENTS = (
    """CREATE FUNCTION hareline_same_json(json, json) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT $1::text OPERATOR(pg_catalog.=) $2::text'""",
    "CREATE OPERATOR = (LEFTARG = json, RIGHTARG = json, FUNCTION = hareline_same_json, COMMUTATOR = =)",
    """CREATE FUNCTION hareline_changed() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('hareline', ''); RETURN NULL; END $$""",
    """CREATE TRIGGER hareline_changed AFTER INSERT OR DELETE OR UPDATE OF revision ON brokers_broker
    FOR EACH STATEMENT EXECUTE FUNCTION hareline_changed()""",
)


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in STATEMENTS:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Of PostgreSQL alone: JSON that is kept as written is compared as text, as by SQLite, and web processes are notified that a poll was stored."""

    dependencies = [("brokers", "0015_reading_costs")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
