"""The columns of a task's row, and the values that events give them: the same for every engine."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.receiving.task_fields import HEAVY
from workers.receiving.task_state import TaskRecord

DETAILS = ("name", "args", "kwargs", "root_id", "parent_id", "sent_queue", "exchange", "routing_key", "eta", "expires", "worker", "sender")
FOUND = ("queue", "queues", "queue_source", "queue_reason")
LATER = (
    "state", "last_seen_state", "unknown_reason", "revoked_by", "sent_at", "received_at", "started_at", "ended_at", "runtime_seconds",
    "retries", "state_source", "state_source_at", "limit_seconds", "limit_kind", "result", "exception", "traceback", "tries", "moments_left_out", "changed_at",
)  # fmt: skip
KEY = ("broker_id", "vhost", "uuid")
TABLE = "workers_task"


def settings(columns: Iterable[str], value: str) -> str:
    """The columns set to `value`, in which {} is the column's name; long texts stay as they are where there is no new one, and "" removes them."""
    values = {name: value.format(name) for name in columns}
    return ", ".join(f"{name} = NULLIF(COALESCE({new}, {TABLE}.{name}), '')" if name in HEAVY else f"{name} = {new}" for name, new in values.items())


COLUMNS = (*LATER, *DETAILS, *FOUND, "first_seen_at", *KEY)
_NOTHING = (None, None)
_NO_QUEUE = (None,) * len(FOUND)
_HEAVY_PLACES = tuple(COLUMNS.index(name) for name in HEAVY)


def row_values(record: TaskRecord, broker_id: int, vhost: str, at: str | None) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    found = record.found
    values = (
        *later_values(record, at),
        record.name, record.args, record.kwargs, record.root_id, record.parent_id, record.queue, record.exchange, record.routing_key,
        moment_text(record.eta), moment_text(record.expires), record.worker, record.sender,
        *(_NO_QUEUE if found is None else (found.only, found.several, found.source, found.reason)),
        _round_text(record.first_seen_at), broker_id, vhost, record.uuid,
    )  # fmt: skip
    if not record.stored and "" in (record.args, record.kwargs, record.result, record.exception, record.traceback):
        return tuple(None if value == "" and place in _HEAVY_PLACES else value for place, value in enumerate(values))  # there is nothing to remove
    return values


def later_values(record: TaskRecord, at: str | None) -> tuple[Any, ...]:
    """The values of LATER."""
    source, source_at = record.source or _NOTHING
    limit_seconds, limit_kind = record.limit or _NOTHING
    return (
        record.state, record.last_seen_state, record.unknown_reason, record.revoked_by, moment_text(record.sent_at), moment_text(record.received_at),
        moment_text(record.started_at), moment_text(record.ended_at), record.runtime, record.retries,
        source, moment_text(source_at), limit_seconds, limit_kind, record.result, record.exception, record.traceback,
        _encode(record.moments).decode(), record.left_out, at,
    )  # fmt: skip


_encode = msgspec.json.Encoder().encode


@functools.lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}."


_THREE_DIGITS = [f"{number:03d}" for number in range(1000)]


def moment_text(at: float | None) -> str | None:
    """A moment as Django stores it in SQLite, which PostgreSQL reads as UTC, written without a datetime, since millions are.

    >>> moment_text(1.5)
    '1970-01-01 00:00:01.500000'
    """
    if at is None:
        return None
    microseconds = round(at * 1_000_000)
    second = microseconds // 1_000_000
    milliseconds, rest = divmod(microseconds - second * 1_000_000, 1000)
    return _second(second) + _THREE_DIGITS[milliseconds] + _THREE_DIGITS[rest]


_round_text = functools.lru_cache(maxsize=64)(moment_text)
"""For the moments of receipt, which are the same for all that came at once."""
