"""Numbers of two sides as cells of a table. Pure."""

from __future__ import annotations

import msgspec

from brokers.figure_comparison import COLUMNS, FigureRow
from dashboard.layout import formatting

LABELS = {
    "depth": "Depth", "ready": "Ready", "unacknowledged": "Unacknowledged", "consumers": "Consumers", "publish_per_second": "In /s",
    "deliver_per_second": "Out /s", "ack_per_second": "Acknowledged /s",
}  # fmt: skip


class FigureCell(msgspec.Struct, frozen=True):
    """`difference` is "" where the sides are equal, "–" where it is unknown."""

    label: str
    before: str
    after: str
    difference: str


def cells(row: FigureRow) -> list[FigureCell]:
    """In the order of COLUMNS."""
    found = []
    for column in COLUMNS:
        written = formatting.rate if column.endswith("_per_second") else formatting.number
        before, after = row.numbers(column)
        found.append(FigureCell(LABELS[column], written(before), written(after), signed(row.difference(column), is_rate=column.endswith("_per_second"))))
    return found


def signed(difference: float | None, *, is_rate: bool = False) -> str:
    """
    >>> signed(28), signed(-1200), signed(0), signed(None), signed(-0.04, is_rate=True)
    ('+28', '−1,200', '', '–', '−<0.1')
    """
    if difference is None:
        return formatting.UNKNOWN
    if not difference:
        return ""
    written = formatting.rate(abs(difference)) if is_rate else formatting.number(abs(difference))
    return f"{'+' if difference > 0 else '−'}{written}"
