"""The strip of a day: what became of each half hour’s runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dashboard.layout import formatting
from workers.periodic.slots import Slot

DAY, CELLS = timedelta(hours=24), 48
HALF_HOUR = DAY / CELLS
_WORST = ("missed", "doubled", "late", "unknown", "ran")
_WORDS = {"missed": "missed", "doubled": "doubled", "late": "late", "unknown": "unknown", "ran": "on time"}


class Cell(msgspec.Struct, frozen=True):
    """Half an hour. `outcome` is the worst in it, "" where it was not due."""

    outcome: str
    text: str


def begins(now: datetime) -> datetime:
    """When the first cell begins: the last one holds this moment."""
    half = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return half + HALF_HOUR - DAY


def cells(slots: Sequence[Slot], start: datetime) -> list[Cell]:
    """The half hours from `start` on."""
    found: list[list[Slot]] = [[] for _ in range(CELLS)]
    for slot in slots:
        place = int((slot.at - start) / HALF_HOUR)
        if 0 <= place < CELLS and slot.outcome != "due":
            found[place].append(slot)
    return [_cell(slots, start + HALF_HOUR * place) for place, slots in enumerate(found)]


def _cell(slots: Sequence[Slot], at: datetime) -> Cell:
    counts = {outcome: sum(slot.outcome == outcome for slot in slots) for outcome in _WORST}
    outcome = next((one for one in _WORST if counts[one]), "")
    words = ", ".join(f"{counts[one]:,} {_WORDS[one]}" for one in _WORST if counts[one]) or "not due"
    return Cell(outcome, f"{formatting.clock(at)[:5]}–{formatting.clock(at + HALF_HOUR)[:5]}: {words}")


def in_words(shown: Sequence[Cell]) -> str:
    """The strip for who doesn’t see it: each half hour that was not as it should be."""
    wrong = [cell.text for cell in shown if cell.outcome not in ("", "ran")]
    return "; ".join(wrong) if wrong else "nothing missed, late or doubled" if any(cell.outcome for cell in shown) else "not due"
