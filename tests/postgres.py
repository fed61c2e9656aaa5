"""Databases on the private PostgreSQL server of a run (`script/test --postgres`); HARELINE_TEST_POSTGRES has its address. None of this without it."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from urllib.parse import urlsplit

import pytest

SERVER = os.environ.get("HARELINE_TEST_POSTGRES", "")
on_sqlite = pytest.mark.skipif(bool(SERVER), reason="of SQLite alone")
on_postgres = pytest.mark.postgres  # run by test_on_postgresql.py in the usual run, which deselects them on SQLite
READ_ONLY = "SET default_transaction_read_only = on" if SERVER else "PRAGMA query_only = 1"
"""Makes the connection refuse each write until it is closed."""


def url(name: str) -> str:
    """The address of a database of the server."""
    return urlsplit(SERVER)._replace(path=f"/{name}").geturl()


def make_database(template: str = "template1") -> str:
    """The name of a new database: empty, or with what a template has, to which nobody may be connected meanwhile."""
    name = f"hareline_{secrets.token_hex(5)}"
    execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def drop_database(name: str) -> None:
    execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def execute(statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
    """Rows of a statement, in a transaction of its own."""
    import psycopg

    with closing(psycopg.connect(url(database), autocommit=True)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def own_database() -> dict[str, str]:
    """What a Hareline with a data directory of its own has beside that in its environment: a database of its own."""
    return {"HARELINE_DATABASE_URL": url(make_database())} if SERVER else {}
