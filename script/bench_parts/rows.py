"""A measurement of a part: one row, printed as JSON on standard output. Standard library only, for peers run it in an environment of their own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass
class Row:
    """`ours` and `peer` are text with their units. `met`: whether the goal was reached; None where there is none."""

    what: str
    ours: str
    peer: str = ""
    times: float | None = None
    """How often better than the peer."""
    goal: str = ""
    met: bool | None = None


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
