"""Whether the database file can be used by this version: checked before anything starts, so that what is wrong is one sentence and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, NotSupportedError, OperationalError, connection
from django.utils import timezone

from brokers import database_damage, database_file
from brokers.database import engine
from brokers.database import url as url_of_database
from brokers.store import make_snapshot_days
from dashboard import queries
from dashboard.operations import readiness
from workers.store import make_task_days


def make_file() -> None:
    """Makes an empty database file, readable by its owner only, where there is none. Nothing else may: a file that went missing while Hareline runs
    must not come back empty, as SQLite would have it. A database of PostgreSQL is made by whoever runs the server."""
    if engine.is_postgresql():
        return
    path = Path(connection.settings_dict["NAME"])
    try:
        path.touch(0o600)
    except OSError as error:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {path} can't be written ({error.strerror})") from None


def refuse_unusable(waiting: bool) -> None:
    """Raises ImproperlyConfigured with one sentence for a file that is damaged, a server that can't be used, or a database that a newer Hareline has used.

    `waiting`: the process waits by itself for a database that is locked, damaged or not there yet, and says so, so that is no reason.
    """
    try:
        _, unknown = queries.migration_differences()
    except DatabaseError as error:
        if waiting and not isinstance(error, NotSupportedError):
            database_damage.note(error, "start", database_damage.A_WHILE_SECONDS)
            return
        _refuse(error)
    if unknown:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {readiness.schema((), unknown)}; start that version, or a copy of the data from before it")


def refuse_unprepared() -> None:
    """As `refuse_unusable`, and for tables that are older than this version: for commands of people, which would end in a traceback."""
    refuse_unusable(waiting=False)
    missing, _ = queries.migration_differences()
    if missing:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {readiness.schema(missing, ())}; run `manage.py prepare` first")


def _refuse(error: DatabaseError) -> NoReturn:
    name = connection.settings_dict["NAME"]
    if engine.is_postgresql():
        connects = isinstance(error, OperationalError | NotSupportedError)
        why = url_of_database.why(str(error), connection.settings_dict) if connects else _sentence(error)
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {why}") from None
    if isinstance(error, OperationalError) and not database_damage.is_damage(error):
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {name} can't be used now ({error})") from None
    what = f"HARELINE_DATABASE_URL: {name} is damaged or no database ({error})"
    raise ImproperlyConfigured(f"{what}; put a copy that is whole in its place, or move it away to begin with an empty one") from None


def migrate() -> None:
    """Brings the tables up to date. Of several processes that start at once one does it and the others wait, so that none sees half of it.

    Raises ImproperlyConfigured where the user of PostgreSQL may not make tables, or the database can't hold every text.
    """
    refuse_unusable(waiting=False)
    with engine.one_process(_MIGRATING):
        refuse_unusable(waiting=False)  # another version may have been here first
        if engine.is_postgresql():
            _refuse_unfit()
        call_command("migrate", interactive=False, verbosity=0)
        now = timezone.now()
        make_snapshot_days(now)
        make_task_days(now)


_MIGRATING = 0x6861726C  # "harl": the key of the advisory lock


def _refuse_unfit() -> None:
    not_writable = database_file.not_writable()
    if not_writable:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {not_writable}")
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        encoding = cursor.fetchone()[0]
        cursor.execute("SELECT current_schema(), current_user, has_schema_privilege(current_schema(), 'CREATE')")
        schema, user, may_create = cursor.fetchone()
    name = connection.settings_dict["NAME"]
    if encoding != "UTF8":
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: the database {name!r} has the encoding {encoding}; create one with ENCODING 'UTF8'")
    if not may_create:
        what = f"the user {user!r} may not make tables in {f'schema {schema}' if schema else 'any schema'} of the database {name!r}"
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {what}; make it the owner: ALTER DATABASE {name} OWNER TO {user}")


def _sentence(error: DatabaseError) -> str:
    return f"the database {connection.settings_dict['NAME']!r} can't be used ({str(error).strip().splitlines()[0]})"
