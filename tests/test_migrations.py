"""No model differs from its migrations, and the two that hold most of them in one make what these make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

ROOT = Path(__file__).parents[1]
# Prints {table: its columns, {index: its SQL}} of an empty database, migrated with or without the ones that replace others
SCHEMA = """
import json, sys
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from dashboard.operations import database_state
database_state.make_file()
executor = MigrationExecutor(connection)
executor.loader.replace_migrations = sys.argv[1] == "together"
executor.loader.build_graph()
replacing = set() if sys.argv[1] == "together" else set(executor.loader.replacements)
executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node not in replacing])
with connection.cursor() as cursor:
    cursor.execute("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL")
    rows = cursor.fetchall()
    information = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(%s)'
    columns = {name: sorted(map(str, cursor.execute(information, [name]))) for name, kind, _ in rows}
print(json.dumps({name: columns[name] if kind == "table" else sql for name, kind, sql in rows}))
"""


def test_the_migrations_make_what_the_models_are(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        call_command("makemigrations", check=True, dry_run=True)
    except SystemExit:
        pytest.fail(f"manage.py makemigrations would make:\n{capsys.readouterr().out}")


def schema(directory: Path, how: str) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "HARELINE_DATA_DIR": str(directory)}
    done = subprocess.run([sys.executable, "-c", SCHEMA, how], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.nightly
def test_the_migrations_in_one_make_what_the_single_ones_make(tmp_path: Path) -> None:
    for how in ("together", "singly"):
        (tmp_path / how).mkdir()
    assert schema(tmp_path / "together", "together") == schema(tmp_path / "singly", "singly")
