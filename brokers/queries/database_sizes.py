"""How large Hareline's own database is, by engine."""

from __future__ import annotations

from pathlib import Path

import msgspec
from django.db import connection

from brokers.database import engine

MOST_BYTES_BY_TABLE = 1 << 30
"""Of a larger file of SQLite the sizes of tables are not measured: all of it would be read."""
_OF_TABLES = """
SELECT coalesce(parent.relname, child.relname), CASE WHEN parent.oid IS NULL THEN '' ELSE child.relname END, pg_total_relation_size(child.oid)
FROM pg_class child
LEFT JOIN pg_inherits ON inhrelid = child.oid
LEFT JOIN pg_class parent ON parent.oid = inhparent
WHERE child.relkind = 'r' AND child.relnamespace = current_schema()::regnamespace
"""
_OF_FILE = """
SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat AS d LEFT JOIN sqlite_schema AS s ON s.name = d.name
WHERE d.aggregate = TRUE GROUP BY 1
"""


class Size(msgspec.Struct, frozen=True):
    """A table, or the partition of one."""

    table: str
    partition: str
    size_bytes: int


class DatabaseSize(msgspec.Struct, frozen=True):
    """`log_bytes` (SQLite's -wal) and `free_bytes` (inside the file) None on PostgreSQL."""

    engine: str
    version: str
    size_bytes: int
    log_bytes: int | None = None
    free_bytes: int | None = None


def database_size() -> DatabaseSize:
    """As of now; one query, on SQLite a few pragmas and a look at the files."""
    with connection.cursor() as cursor:
        if engine.is_postgresql():
            cursor.execute("SELECT pg_database_size(current_database()), current_setting('server_version')")
            size, version = cursor.fetchone()
            return DatabaseSize("PostgreSQL", version.split(" ")[0], size)
        cursor.execute(
            "SELECT page_count * page_size, freelist_count * page_size, sqlite_version() FROM pragma_page_count, pragma_page_size, pragma_freelist_count"
        )
        size, free, version = cursor.fetchone()
    log = Path(f"{connection.settings_dict['NAME']}-wal")
    return DatabaseSize("SQLite", version, size, log.stat().st_size if log.exists() else 0, free)


def table_sizes() -> list[Size]:
    """The largest first, indexes included; partitions each by itself. [] where SQLite can't say, or its file is too large to be read for that."""
    with connection.cursor() as cursor:
        if engine.is_postgresql():
            cursor.execute(_OF_TABLES)
            return sorted((Size(*row) for row in cursor.fetchall()), key=lambda size: -size.size_bytes)
        if database_size().size_bytes > MOST_BYTES_BY_TABLE:
            return []
        cursor.execute("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'")
        if not cursor.fetchone():
            return []
        cursor.execute(_OF_FILE)
        return sorted((Size(table, "", size) for table, size in cursor.fetchall()), key=lambda size: -size.size_bytes)
