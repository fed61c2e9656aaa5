"""How many bytes the tiers of history take, and how far back they reach."""

from __future__ import annotations

from django.db import connection
from django.db.models import Model

from brokers.history_bytes import Stored
from brokers.models import Rollup, RollupBlock, Snapshot, SnapshotBlock
from brokers.snapshots import RAW_STEP

_ROW_BYTES = 200
"""Of a row and its places in two indexes, beside its data."""
_PAGE = 4096
_SIZE = "sum(CASE WHEN length(data) > {small} THEN (length(data) + {page} - 1) / {page} * {page} ELSE length(data) END + {row})"
_EPOCH = {"postgresql": "extract(epoch FROM {}(at))", "sqlite": "strftime('%s', {}(at))"}


def history_sizes() -> list[Stored]:
    """Of all brokers together, the finest first; those that have nothing are left out. Reads all rows but not their data, so it takes a while."""
    polls, rollups = _sizes(Snapshot, "step"), _sizes(Rollup, "step")
    packed = {step: size for step, _, _, size in (*_sizes(SnapshotBlock, str(RAW_STEP)), *_sizes(RollupBlock, "step"))}
    ends = {step: 0 if step == RAW_STEP else step for step, *_ in (*polls, *rollups)}
    return [Stored(step, first, last + ends[step], size + packed.get(step, 0.0)) for step, first, last, size in (*polls, *rollups)]


def _sizes(model: type[Model], step: str) -> list[tuple[int, float, float, float]]:
    """(step, first, last, bytes) as pages of the database: data that does not fit beside others takes pages of its own."""
    size, epoch = _SIZE.format(small=_PAGE // 4, page=_PAGE, row=_ROW_BYTES), _EPOCH[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {step}, {epoch.format('min')}, {epoch.format('max')}, {size} FROM {model._meta.db_table} GROUP BY 1 ORDER BY 1")  # noqa: S608
        return [(int(step), float(first), float(last), float(size)) for step, first, last, size in cursor.fetchall()]
