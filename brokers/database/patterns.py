"""Patterns of `brokers.scope` as conditions of the database: `*` is any text, `?` one character, the case counts."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Lookup, TextField

from brokers.database.engine import is_postgresql


@CharField.register_lookup
@TextField.register_lookup
class FitsPattern(Lookup):
    """`Q(name__fits="orders.*")`."""

    lookup_name = "fits"

    def get_prep_lookup(self) -> Any:
        return as_operand(str(self.rhs))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"{left} {_operator()} {right}", (*parameters, *more)


def fits(column: str) -> str:
    """The condition that the column fits the one parameter, which is `as_operand` of a pattern."""
    return f"{column} {_operator()} %s"


def as_operand(pattern: str, one: str = "?") -> str:
    """The pattern in the words of the engine's own operator. `one`: what stands for one character, "" where nothing does."""
    if is_postgresql():
        escaped = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in pattern)
        return escaped.replace("*", "%").replace(one, "_") if one else escaped.replace("*", "%")
    escaped = pattern.replace("[", "[[]")
    return escaped if one else escaped.replace("?", "[?]")


def _operator() -> str:
    return "LIKE" if is_postgresql() else "GLOB"
