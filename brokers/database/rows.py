"""Rows of a model read by a statement that is written out: Django takes ten times as long to build one as the database to run it, for every page anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)
Convert = Callable[[Any], Any]


class RowsOf(Generic[M]):
    """Reads a model's rows: all fields but those `left_out`, or `only` some. Reading another one of a row is another query, as with `defer`."""

    def __init__(self, model: type[M], left_out: Collection[str] = (), only: Collection[str] = ()) -> None:
        self._model, self._left_out, self._only = model, left_out, only
        self._converts: dict[str, list[tuple[int, Convert]]] = {}

    @cached_property
    def _fields(self) -> list[Any]:
        return [field for field in self._model._meta.concrete_fields if (field.attname in self._only if self._only else field.attname not in self._left_out)]

    @cached_property
    def _names(self) -> list[str]:
        return [field.attname for field in self._fields]

    @cached_property
    def columns(self) -> str:
        """Those that are read, for a SELECT from the table by its own name. SQLite's moments as texts: its module would make each by a function of Python."""
        table, in_texts = self._model._meta.db_table, connection.vendor == "sqlite"
        names = (f'"{table}"."{field.column}"' for field in self._fields)
        are_moments = (in_texts and field.get_internal_type() == "DateTimeField" for field in self._fields)
        return ", ".join(f"CAST({name} AS text)" if is_moment else name for name, is_moment in zip(names, are_moments, strict=True))

    @cached_property
    def _select(self) -> str:
        return f'SELECT {self.columns} FROM "{self._model._meta.db_table}" '  # noqa: S608  (names of our own models)

    def read(self, rest: str, parameters: Sequence[Any] = ()) -> list[M]:
        """The rows that the rest of the statement selects: WHERE, ORDER BY, LIMIT. Moments are parameters as `moment` gives them."""
        with connection.cursor() as cursor:
            cursor.execute(self._select + rest, parameters)
            return self.made(cursor.fetchall())

    def made(self, rows: Iterable[Sequence[Any]]) -> list[M]:
        """The rows of values in the order of `columns`; without the steps of `Model.__init__`, which take longer than all else, but with
        those of the model's `after_reading`, if it has one."""
        converts = self._converts.get(connection.vendor)
        if converts is None:
            converts = self._converts[connection.vendor] = _converts(self._fields)
        model, names, alias, found = self._model, self._names, connection.alias, []
        after_reading: Callable[[M], None] | None = getattr(model, "after_reading", None)
        for row in rows:
            values = list(row)
            for place, convert in converts:
                if values[place] is not None:
                    values[place] = convert(values[place])
            one, state = model.__new__(model), ModelState()
            state.adding, state.db = False, alias
            one.__dict__.update(zip(names, values, strict=True), _state=state)
            if after_reading is not None:
                after_reading(one)
            found.append(one)
        return found


def _converts(fields: Iterable[models.Field[Any, Any]]) -> list[tuple[int, Convert]]:
    """What makes the values of columns into those of fields, as Django does; by the place of the column."""
    kinds: dict[str, Convert] = {"JSONField": json.loads}
    if connection.vendor == "sqlite":
        kinds |= {"DateTimeField": _read_text, "BooleanField": bool}
    return [(place, kinds[kind]) for place, field in enumerate(fields) if (kind := field.get_internal_type()) in kinds]


def _read_text(moment: str) -> datetime:
    return datetime.fromisoformat(f"{moment}+00:00")


def moment(at: datetime) -> Any:
    """A moment as a parameter of a statement."""
    return connection.ops.adapt_datetimefield_value(at)


def read_moment(found: Any) -> datetime:
    """A moment that a statement has read: SQLite has text, or a datetime without a zone, in UTC."""
    at: datetime = datetime.fromisoformat(found) if isinstance(found, str) else found
    return at if at.tzinfo else at.replace(tzinfo=UTC)
