"""Whether the database file can be used by this version: checked before anything starts, so that what is wrong is one sentence and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, connection

from brokers import database_damage
from dashboard import queries
from dashboard.operations import readiness


def make_file() -> None:
    """Makes an empty database file, readable by its owner only, where there is none. Nothing else may: a file that went missing while Hareline runs
    must not come back empty, as SQLite would have it."""
    path = Path(connection.settings_dict["NAME"])
    try:
        path.touch(0o600)
    except OSError as error:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {path} can't be written ({error.strerror})") from None


def refuse_unusable(waiting: bool) -> None:
    """Raises ImproperlyConfigured with one sentence for a file that is damaged or that a newer Hareline has used.

    `waiting`: the process waits by itself for a database that is locked, damaged or not there yet, and says so, so that is no reason.
    """
    try:
        _, unknown = queries.migration_differences()
    except DatabaseError as error:
        if waiting:
            database_damage.note(error, "start", database_damage.A_WHILE_SECONDS)
            return
        _refuse(error)
    if unknown:
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {readiness.schema((), unknown)}; start that version, or a copy of the data from before it")


def _refuse(error: DatabaseError) -> NoReturn:
    name = connection.settings_dict["NAME"]
    if isinstance(error, OperationalError) and not database_damage.is_damage(error):
        raise ImproperlyConfigured(f"HARELINE_DATABASE_URL: {name} can't be used now ({error})") from None
    what = f"HARELINE_DATABASE_URL: {name} is damaged or no database ({error})"
    raise ImproperlyConfigured(f"{what}; put a copy that is whole in its place, or move it away to begin with an empty one") from None
