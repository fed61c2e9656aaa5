"""Puts what the audit log has into its chain, and lets the database itself refuse to change it. Deleting is left to the removal of old entries."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations, models

from dashboard.people import audit_chain

TABLE, HEAD = "dashboard_auditevent", "dashboard_audithead"
REASON = "the audit log is only added to"
OF_SQLITE = (
    f"CREATE TRIGGER hareline_audit_update BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REASON}'); END",
    f"CREATE TRIGGER hareline_audit_delete BEFORE DELETE ON {TABLE} "
    f"WHEN OLD.number > COALESCE((SELECT trimmed_to FROM {HEAD}), 0) BEGIN SELECT RAISE(ABORT, '{REASON}'); END",
)
OF_POSTGRESQL = (
    f"""CREATE FUNCTION hareline_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' AND OLD.number <= COALESCE((SELECT trimmed_to FROM {HEAD}), 0) THEN RETURN OLD; END IF;
    RAISE EXCEPTION '{REASON}'; END $$""",
    f"CREATE TRIGGER hareline_audit_guard BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION hareline_audit_guard()",
)
UNDO_SQLITE = ("DROP TRIGGER hareline_audit_update", "DROP TRIGGER hareline_audit_delete")
UNDO_POSTGRESQL = (f"DROP TRIGGER hareline_audit_guard ON {TABLE}", "DROP FUNCTION hareline_audit_guard()")


def chain(apps: Any, schema_editor: Any) -> None:
    entries, head = apps.get_model("dashboard", "AuditEvent"), apps.get_model("dashboard", "AuditHead")
    number, last, batch = 0, audit_chain.BEGINNING, []
    for entry in entries._default_manager.order_by("pk").iterator(chunk_size=2000):
        number += 1
        entry.number, entry.previous = number, last
        last = entry.hash = audit_chain.digest(entry)
        batch.append(entry)
        if len(batch) == 2000:
            entries._default_manager.bulk_update(batch, ["number", "previous", "hash"])
            batch = []
    entries._default_manager.bulk_update(batch, ["number", "previous", "hash"])
    if number:
        head._default_manager.create(pk=1, number=number, hash=last, seal=audit_chain.seal(settings.SECRET_KEY, number, last, 0))


def guard(apps: Any, schema_editor: Any) -> None:
    for statement in OF_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else OF_SQLITE:
        schema_editor.execute(statement)


def unguard(apps: Any, schema_editor: Any) -> None:
    for statement in UNDO_POSTGRESQL if schema_editor.connection.vendor == "postgresql" else UNDO_SQLITE:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0012_audit_chain")]

    operations = [
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.AlterField("auditevent", "number", models.BigIntegerField(unique=True)),
        migrations.RunPython(guard, unguard),
    ]
