"""Conditions of tasks that no index has: how long they ran and waited, how often they were retried. As `workers.task_times`, in SQL."""

from __future__ import annotations

from typing import Any

from brokers.database.engine import is_postgresql
from brokers.database.rows import moment
from workers.queries.task_rows import TaskRows
from workers.task_filter import Bound, TaskFilter
from workers.task_times import MAY_BE_HELD, NOT_STARTED

_SINCE = "COALESCE(CASE WHEN retries > 0 THEN received_at END, sent_at, received_at)"
_READY = f"{_SINCE}, COALESCE(eta, {_SINCE})"
_OPERATORS = {"=": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


def within_bounds(rows: TaskRows, filter: TaskFilter) -> TaskRows:
    """Those of the rows whose figures are within the bounds of the filter."""
    for bound in filter.bounds:
        condition, *parameters = _bound(bound, filter)
        rows = rows.which(condition, *parameters)
    return rows


def _bound(bound: Bound, filter: TaskFilter) -> tuple[Any, ...]:
    operator = _OPERATORS[bound.operator]
    if bound.field == "retries":
        return f"retries {operator} %s", bound.value
    value, parameters = {"runtime": _runtime, "wait": _wait, "overrun": _overrun, "eta": _until_eta}[bound.field](filter)
    return (f"{value} {operator} %s", *parameters, bound.value)


def _seconds(start: str, end: str) -> str:
    """The time between, to the millisecond, which is what SQLite reads of a moment."""
    if is_postgresql():
        return f"ROUND(EXTRACT(EPOCH FROM {end} - {start})::numeric, 3)::double precision"
    return f"ROUND((julianday({end}) - julianday({start})) * 86400.0, 3)"


def _runtime(filter: TaskFilter) -> tuple[str, list[Any]]:
    """As `runtime_so_far`: that of an earlier attempt is not that of a failed one."""
    (running, parameters), ended = _not_negative(_seconds("started_at", _moment()), filter), _seconds("started_at", "ended_at")
    return (
        f"CASE WHEN state = 'STARTED' AND started_at IS NOT NULL THEN {running} "
        "WHEN state <> 'FAILURE' AND runtime_seconds IS NOT NULL THEN runtime_seconds "
        f"WHEN ended_at >= started_at THEN {ended} END",
        parameters,
    )


def _overrun(filter: TaskFilter) -> tuple[str, list[Any]]:
    """As `workers.time_limits.past_limit_seconds`."""
    past = f"{_seconds('started_at', _moment())} - limit_seconds"
    return f"CASE WHEN state = 'STARTED' AND {past} > 0 THEN {past} END", [_now(filter)] * 2


def _until_eta(filter: TaskFilter) -> tuple[str, list[Any]]:
    """As `eta_seconds`."""
    states, left = ", ".join(f"'{state}'" for state in MAY_BE_HELD), _seconds(_moment(), "eta")
    return f"CASE WHEN state IN ({states}) AND {left} > 0 THEN {left} END", [_now(filter)] * 2


def _wait(filter: TaskFilter) -> tuple[str, list[Any]]:
    """As `waited_seconds`."""
    ready = f"{'GREATEST' if is_postgresql() else 'MAX'}({_READY})"
    states = ", ".join(f"'{state}'" for state in NOT_STARTED)
    until = f"COALESCE(started_at, CASE WHEN state IN ({states}) THEN {_moment()} END)"
    waited = _seconds(ready, until)
    known = "(sent_at IS NOT NULL OR received_at IS NOT NULL)"
    value, parameters = _not_negative(waited, filter)
    return f"CASE WHEN {known} THEN {value} END", parameters


def _not_negative(seconds: str, filter: TaskFilter) -> tuple[str, list[Any]]:
    """Seconds until now, at least 0; unknown ones stay unknown, which PostgreSQL's GREATEST would not do. SQLite need not work them out twice."""
    if is_postgresql():
        return f"CASE WHEN {seconds} < 0 THEN 0 ELSE {seconds} END", [_now(filter)] * 2
    return f"MAX({seconds}, 0)", [_now(filter)]


def _moment() -> str:
    return "%s::timestamptz" if is_postgresql() else "%s"


def _now(filter: TaskFilter) -> Any:
    if filter.now is None:
        raise ValueError("a filter of times needs to know when now is")
    return moment(filter.now)
