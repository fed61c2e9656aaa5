"""The backend. Its columns take what SQLite's take, so that no row fits one engine and not the other.

Texts have no length and are ordered by code point, integers have 64 bits, JSON is kept as it was written. A NUL, which no text of PostgreSQL
can hold, is stored as its picture ␀.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any, cast

from django.db.backends.postgresql import base, features, operations
from psycopg import Connection, adapters
from psycopg.abc import AdaptContext, Loader
from psycopg.pq import Format
from psycopg.types.json import Json
from psycopg.types.string import StrDumper, StrDumperUnknown, TextLoader

TEXTS = ("CharField", "TextField", "SlugField", "FileField", "FilePathField")
# A process that stands still must not keep the others from writing for ever; as long as writers of SQLite wait for each other
LIMITS = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '60s'; SET jit = off"  # our queries end before compiling them would


class _WithoutNul(StrDumperUnknown):
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "␀") if "\x00" in obj else obj)


class _TypedWithoutNul(StrDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "␀") if "\x00" in obj else obj)


_MOMENT = adapters.types["timestamptz"].oid
_load_moment = cast("type[Loader]", adapters.get_loader(_MOMENT, Format.TEXT))


class _InUtc:
    """psycopg's own loader of moments, which is in C: Django puts one in Python around each, though its connections are in UTC anyway."""

    format = Format.TEXT
    timezone = UTC  # where Django's cursors look whether a loader is theirs

    def __new__(cls, oid: int, context: AdaptContext | None = None) -> Loader:  # type: ignore[misc]
        return _load_moment(oid, context)


class DatabaseOperations(operations.DatabaseOperations):
    def adapt_json_value(self, value: Any, encoder: Any) -> Any:
        dumps: Callable[[Any], str] = operations.get_json_dumps(encoder)
        return Json(value, dumps=dumps)


class DatabaseFeatures(features.DatabaseFeatures):
    minimum_database_version = (13,)


class DatabaseWrapper(base.DatabaseWrapper):
    data_types = {
        **base.DatabaseWrapper.data_types,
        **dict.fromkeys(TEXTS, "text"),
        **dict.fromkeys(("IntegerField", "PositiveIntegerField", "SmallIntegerField", "PositiveSmallIntegerField"), "bigint"),
        "JSONField": "json",
    }
    data_types_suffix = {**base.DatabaseWrapper.data_types_suffix, **dict.fromkeys(TEXTS, 'COLLATE "C"')}
    ops_class = DatabaseOperations
    features_class = DatabaseFeatures

    def ensure_connection(self) -> None:
        """A connection that the server ended is replaced by the next statement, so that no loop has to check whether it still has one."""
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        mine = parameters["context"]
        mine.register_loader("json", TextLoader)  # decoded by JSONField
        mine.register_loader("timestamptz", _InUtc)
        mine.register_dumper(str, _TypedWithoutNul)
        mine.register_dumper(str, _WithoutNul)
        return parameters

    def _configure_connection(self, connection: Connection[Any]) -> bool:
        super()._configure_connection(connection)  # type: ignore[misc]
        with connection.cursor() as cursor:
            cursor.execute(LIMITS)
        return True
