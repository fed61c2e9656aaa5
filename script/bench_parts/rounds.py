"""Several rounds of a part, and of each of its rows the middle one. Pure."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def middle(rounds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of the median round, each by itself: by how often it is better than its peer, else by its own first number. `spread` is the least and the
    most of `times`, where there are several. Rows that a round lacks are those of the others."""
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for rows in rounds:
        for row in rows:
            by_name.setdefault((row["what"], _peer_name(row)), []).append(row)
    found = []
    for rows in by_name.values():
        ordered = sorted(rows, key=_measure)
        times = [row["times"] for row in rows if row["times"]]
        found.append(ordered[len(ordered) // 2] | {"spread": (min(times), max(times)) if len(times) > 1 else None})
    return found


def _peer_name(row: dict[str, Any]) -> str:
    """What it is compared with, without figures."""
    return str(row["peer"]).partition(":")[0]


def _measure(row: dict[str, Any]) -> float:
    number = _NUMBER.search(row["ours"])
    return float(row["times"] or (number[0].replace(",", "") if number else 0))
