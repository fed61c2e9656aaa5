"""Results in tables of SQLite or PostgreSQL: those of Celery's own database backend, and of django-celery-results. Read by sessions that may only read.

The first keeps every result pickled, so that column is not even selected; the second says of each result what it is.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from workers.redaction import Redaction
from workers.results.addresses import DJANGO_TABLES, ResultsAddress
from workers.results.errors import ResultsError
from workers.results.outcomes import LARGEST_BYTES, Found, from_fields

TIMEOUT_SECONDS = 3
_LENGTH = COLUMN_BYTES = LARGEST_BYTES // 4
"""Of each column so much is read; what is longer was cut."""
_CELERY = "SELECT task_id, status, date_done, NULL, NULL, substr(traceback, 1, %(length)s) FROM celery_taskmeta WHERE task_id {among}"
_CELERY_ARGUMENTS = "SELECT task_id, substr(args, 1, %(length)s), substr(kwargs, 1, %(length)s) FROM celery_taskmeta WHERE task_id {among}"
"""Of a table that was made with `result_extended`; without it there are no such columns."""
_DJANGO = (
    "SELECT task_id, status, date_done, content_type, substr(result, 1, %(length)s), substr(traceback, 1, %(length)s) "
    "FROM django_celery_results_taskresult WHERE task_id {among}"
)


class DatabaseResults:
    def __init__(self, address: ResultsAddress, redaction: Redaction) -> None:
        self._url, self._redaction = address.url, redaction
        self._query = _DJANGO if address.kind == DJANGO_TABLES else _CELERY
        self._connection: Any = None

    def read(self, uuids: Sequence[str]) -> dict[str, Found]:
        """What is there of each task. Raises ResultsError."""
        found: dict[str, Found] = dict.fromkeys(uuids)
        for uuid, status, done, content_type, result, traceback in self._rows(uuids):
            if uuid in found:
                found[uuid] = from_fields(uuid, status, done, _value(content_type, result), traceback, self._redaction)
        return found

    def arguments(self, uuids: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
        """(args, kwargs) of each task as Celery's own tables have them, b"" where there are none. Raises ResultsError."""
        found = dict.fromkeys(uuids, (b"", b""))
        rows = self._rows(uuids, _CELERY_ARGUMENTS)
        return found | {uuid: (bytes(args or b""), bytes(kwargs or b"")) for uuid, args, kwargs in rows if uuid in found}

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _rows(self, uuids: Sequence[str], query: str = "") -> list[tuple[Any, ...]]:
        query = query or self._query
        return self._sqlite_rows(uuids, query) if self._url.startswith("sqlite://") else self._postgresql_rows(uuids, query)

    def _sqlite_rows(self, uuids: Sequence[str], query: str) -> list[tuple[Any, ...]]:
        names = {f"uuid_{place}": uuid for place, uuid in enumerate(uuids)}
        query = query.format(among=f"IN ({', '.join(f':{name}' for name in names)})").replace("%(length)s", str(_LENGTH))
        path = unquote(self._url.removeprefix("sqlite://")).removeprefix("/")  # sqlite:////absolute, sqlite:///relative
        try:
            with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", timeout=TIMEOUT_SECONDS, uri=True)) as connection:
                return connection.execute(query, names).fetchall()
        except sqlite3.Error as error:
            raise ResultsError(f"SQLite answers: {str(error)[:200]}") from error

    def _postgresql_rows(self, uuids: Sequence[str], query: str) -> list[tuple[Any, ...]]:
        try:
            import psycopg  # an optional dependency
        except ImportError as error:
            raise ResultsError("psycopg is not installed beside Hareline, which reading from PostgreSQL needs") from error
        query, parameters = query.format(among="= ANY(%(uuids)s)"), {"uuids": list(uuids), "length": _LENGTH}
        try:
            if self._connection is None:
                milliseconds = TIMEOUT_SECONDS * 1000
                options = f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} -c TimeZone=UTC"
                self._connection = psycopg.connect(self._url, connect_timeout=TIMEOUT_SECONDS, options=options, autocommit=True)
            rows: list[tuple[Any, ...]] = self._connection.execute(query, parameters).fetchall()
        except psycopg.Error as error:
            self.close()
            raise ResultsError(_postgresql_problem(error.sqlstate)) from error
        return rows


_PROBLEMS: Mapping[str, str] = {
    "28P01": "PostgreSQL refuses the login",
    "28000": "PostgreSQL refuses the login",
    "42P01": "PostgreSQL has no table of results there",
    "42501": "PostgreSQL refuses to have the table of results read",
    "57014": f"PostgreSQL does not answer within {TIMEOUT_SECONDS} s",
}


def _postgresql_problem(code: str | None) -> str:
    """Never the message itself, which may hold the address and the user."""
    return _PROBLEMS.get(code or "", f"PostgreSQL answers with error {code}" if code else "PostgreSQL can’t be reached")


def _value(content_type: Any, result: Any) -> Any:
    """The value of a result that is JSON; None for any other, pickled ones too."""
    if content_type != "application/json" or not isinstance(result, str):
        return None
    try:
        return json.loads(result)
    except (ValueError, RecursionError):
        return None
