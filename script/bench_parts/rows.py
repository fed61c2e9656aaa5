"""A measurement of a part: one row, printed as JSON on standard output. Standard library only, for peers run it in an environment of their own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass
class Row:
    """`ours` and `peer` are text with their units. `goal` and `of_goal` are those of `at_least` or `at_most`."""

    what: str
    ours: str
    peer: str = ""
    times: float | None = None
    """How often better than the peer."""
    goal: str = ""
    of_goal: float | None = None
    """How much of the goal was reached: 1 and more is all of it; None where there is no goal, or it was not measured."""


def at_least(goal: float, value: float | None, unit: str = "x") -> tuple[str, float | None]:
    """The goal as text, and how much of it was reached.

    >>> at_least(4, 6.0)
    ('≥ 4x', 1.5)
    """
    return f"≥ {goal:,g}{unit}", None if value is None else value / goal


def at_most(goal: float, value: float, unit: str) -> tuple[str, float]:
    """The same of what should be little.

    >>> at_most(50, 100.0, " ms")
    ('≤ 50 ms', 0.5)
    """
    return f"≤ {goal:,g}{unit}", goal / max(value, 1e-9)


def emit(*rows: Row) -> None:
    """Hands the rows to `script/bench`."""
    print(json.dumps({"rows": [asdict(row) for row in rows]}), flush=True)


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` of them don't exceed; the largest for 100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def private_kilobytes(pid: int | str = "self") -> int:
    """The memory that only this process has, without files that it maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
