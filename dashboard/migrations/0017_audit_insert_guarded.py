"""SQLite's INSERT OR REPLACE deletes an entry of the audit log without the trigger that refuses deletions. PostgreSQL has no such statement.
For some hours 0013 made the trigger, so some databases have it."""

from __future__ import annotations

from typing import Any

from django.db import migrations

GUARD = """CREATE TRIGGER IF NOT EXISTS hareline_audit_insert BEFORE INSERT ON dashboard_auditevent
WHEN EXISTS (SELECT 1 FROM dashboard_auditevent WHERE number = NEW.number OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"""


def guard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(GUARD)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER hareline_audit_insert")


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0016_rights_from_before")]

    operations = [migrations.RunPython(guard, unguard)]
