"""Copies everything from SQLite into an empty PostgreSQL: table by table in the order of their keys, so that a copy that was interrupted goes on where it
stopped, and compares both sides by counts and hashes."""

# ruff: noqa: S608  (the names in statements are those of our own models)

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, BooleanField, DateTimeField, FloatField, JSONField, Model
from django.db.utils import load_backend

from brokers.database import url as url_of_database
from workers import task_words
from workers.models import Task

AT_ONCE = 5000
_MADE_BY_MIGRATIONS = ("auth_permission", "django_content_type")
_MARK = "hareline_move"  # whose rows these are, while it is being filled


class MoveFailed(Exception):
    """With a sentence that says what is wrong, and what to do."""


class Move:
    """From a file of SQLite, whose tables are those of this version and which nobody writes to, to an address of PostgreSQL."""

    def __init__(self, source: Path, url: str) -> None:
        try:
            self._entry = url_of_database.parse(url)
        except url_of_database.InvalidUrl as error:
            raise MoveFailed(str(error)) from None
        self._url, self._source = url, source
        self._models = _in_order()

    def run(self, say: Callable[[str], object]) -> None:
        """Raises MoveFailed. May be run again after it was interrupted."""
        with closing(sqlite3.connect(f"{self._source.resolve().as_uri()}?mode=ro", uri=True)) as source:
            source.text_factory = lambda raw: raw.decode("utf-8", "replace")
            try:
                target = self._opened()
                try:
                    self._begin(target, _installation(source))
                    for model in self._models:
                        say(f"{model._meta.db_table}: {_copy(source, target, model):,} rows copied")
                    for model in self._models:
                        _continue_numbers(source, target, model)
                        _compare(source, target, model)
                    _execute(target, f"UPDATE {_MARK} SET finished = true")
                    _execute(target, "ANALYZE")
                finally:
                    target.close()
            except DatabaseError as error:
                raise MoveFailed(f"{url_of_database.why(str(error), self._entry)}; run this again to go on") from None

    def _opened(self) -> BaseDatabaseWrapper:
        """A connection, after the tables are made in a process of its own: migrations look at the settings' database."""
        entry = {"TIME_ZONE": None, "CONN_MAX_AGE": 0, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False, "TEST": {}, **self._entry}
        target: BaseDatabaseWrapper = load_backend(entry["ENGINE"]).DatabaseWrapper(entry, "target")
        target.ensure_connection()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HARELINE_DATABASE_URL")}
        environment |= {"HARELINE_DATABASE_URL": self._url, "HARELINE_DATA_DIR": str(settings.DATA_DIR), "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        made = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if made.returncode:
            raise MoveFailed(f"the tables can't be made there ({(made.stderr.strip().splitlines() or ['no reason given'])[-1]})")
        return target

    def _begin(self, target: BaseDatabaseWrapper, installation: str) -> None:
        """Marks the database as being filled from this installation; refuses one that holds anything else."""
        _execute(target, f"CREATE TABLE IF NOT EXISTS {_MARK} (installation text NOT NULL, finished boolean NOT NULL)")
        marks = _execute(target, f"SELECT installation, finished FROM {_MARK}")
        if marks:
            if marks != [(installation, False)]:
                whose = "this" if marks[0][0] == installation else "another"
                raise MoveFailed(f"the database {self._entry['NAME']!r} was filled from {whose} installation already")
            return
        for model in self._models:
            table = model._meta.db_table
            if table not in _MADE_BY_MIGRATIONS and _execute(target, f"SELECT 1 FROM {table} LIMIT 1"):
                raise MoveFailed(f"the database {self._entry['NAME']!r} is not empty: {table} has rows; name an empty one")
        for table in _MADE_BY_MIGRATIONS:
            _execute(target, f"DELETE FROM {table}")
        _execute(target, f"INSERT INTO {_MARK} VALUES (%s, false)", [installation])


def _in_order() -> list[type[Model]]:
    """Every table, those that others refer to first."""
    found: dict[type[Model], None] = {}

    def add(model: type[Model]) -> None:
        for field in model._meta.concrete_fields:
            if isinstance(field.related_model, type) and field.related_model not in found and field.related_model is not model:
                add(field.related_model)
        found.setdefault(model)

    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            add(model)
    return list(found)


def _execute(target: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
    with target.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def _installation(source: sqlite3.Connection) -> str:
    found = source.execute("SELECT identifier FROM brokers_installation").fetchone()
    return found[0] if found else ""


def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def _key(model: type[Model]) -> str:
    return next(str(field.column) for field in model._meta.concrete_fields if field.primary_key)


def _copy(source: sqlite3.Connection, target: BaseDatabaseWrapper, model: type[Model]) -> int:
    """How many rows were copied now: those after the last one that is there."""
    table, key, copied = model._meta.db_table, _key(model), 0
    names = ", ".join(f'"{name}"' for name in _columns(model))
    made = [bool if isinstance(field, BooleanField) else None for field in model._meta.concrete_fields]
    ((last,),) = _execute(target, f'SELECT max("{key}") FROM {table}')
    while True:
        where, parameters = ("", []) if last is None else (f'WHERE "{key}" > ?', [last])
        rows = source.execute(f'SELECT {names} FROM {table} {where} ORDER BY "{key}" LIMIT {AT_ONCE}', parameters).fetchall()
        if not rows:
            return copied
        with target.cursor() as cursor:
            cursor.execute("BEGIN")
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([make(value) if make and value is not None else value for make, value in zip(made, row, strict=True)])
            if model is Task:
                _copy_words(cursor, model, rows)
            cursor.execute("COMMIT")
        copied, last = copied + len(rows), rows[-1][_columns(model).index(key)]


def _copy_words(cursor: Any, model: type[Model], rows: Sequence[Sequence[Any]]) -> None:
    key, name, *others = (_columns(model).index(column) for column in ("id", "name", "exception", "args", "kwargs"))
    with cursor.copy("COPY workers_task_words (task_id, words) FROM STDIN") as copy:
        for row in rows:
            if row[name] is not None:
                copy.write_row((row[key], task_words.vector(row[name], *(row[place] for place in others))))


def _continue_numbers(source: sqlite3.Connection, target: BaseDatabaseWrapper, model: type[Model]) -> None:
    """Keys go on after the last that was ever given, so that none is used twice."""
    table, key = model._meta.db_table, _key(model)
    ((sequence,),) = _execute(target, "SELECT pg_get_serial_sequence(%s, %s)", [table, key])
    given = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]).fetchone()
    if sequence and given and given[0]:
        _execute(target, "SELECT setval(%s, %s)", [sequence, given[0]])


def _compare(source: sqlite3.Connection, target: BaseDatabaseWrapper, model: type[Model]) -> None:
    table = model._meta.db_table
    here, there = _digest(model, _rows_here(source, model)), _digest(model, _rows_there(target, model))
    if here != there:
        raise MoveFailed(f"{table} differs: {here[0]:,} rows in SQLite, {there[0]:,} in PostgreSQL, with other contents; is something still writing?")


def _rows_here(source: sqlite3.Connection, model: type[Model]) -> Iterator[Sequence[Any]]:
    names = ", ".join(f'"{name}"' for name in _columns(model))
    yield from source.execute(f'SELECT {names} FROM {model._meta.db_table} ORDER BY "{_key(model)}"')


def _rows_there(target: BaseDatabaseWrapper, model: type[Model]) -> Iterator[Sequence[Any]]:
    names = []
    for field in model._meta.concrete_fields:
        name = f'"{field.column}"'
        if isinstance(field, DateTimeField):
            name = f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        names.append(f"{name}::text" if isinstance(field, JSONField) else name)
    target.ensure_connection()
    with target.connection.transaction(), target.connection.cursor(name="compared") as cursor:
        cursor.itersize = AT_ONCE
        yield from cursor.execute(f'SELECT {", ".join(names)} FROM {model._meta.db_table} ORDER BY "{_key(model)}"')


def _digest(model: type[Model], rows: Iterator[Sequence[Any]]) -> tuple[int, str]:
    """(how many, a hash over all values in the order of the keys)."""
    makers = [_as_compared(field) for field in model._meta.concrete_fields]
    found, count = hashlib.sha256(), 0
    for row in rows:
        found.update(repr([value if value is None else make(value) for make, value in zip(makers, row, strict=True)]).encode("utf-8", "replace"))
        count += 1
    return count, found.hexdigest()


def _as_compared(field: Any) -> Callable[[Any], Any]:
    if isinstance(field, DateTimeField):
        return lambda value: value if len(value) > 19 else f"{value}.000000"
    if isinstance(field, BinaryField):
        return bytes
    if isinstance(field, BooleanField):
        return bool
    if isinstance(field, FloatField):
        return float
    return lambda value: value.replace("\x00", "␀") if isinstance(value, str) else value
