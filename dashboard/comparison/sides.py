"""Two recorded sides, read within a scope and compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from brokers.comparison import Comparison, compared
from brokers.definitions_format import is_own
from brokers.figure_comparison import FigureRow, Figures, side_by_side
from brokers.models import Broker
from brokers.queries.compared import Recorded, recorded_definitions, recorded_figures
from brokers.scope import Scope
from dashboard.comparison.answer import not_polled_text, partial_text, unknown_text, without_text


class Side:
    """A broker, or one virtual host of it, at a moment."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str | None, at: datetime) -> None:
        self._scope, self.broker, self.vhost, self.at = scope, broker, vhost, at

    @cached_property
    def recorded(self) -> Recorded:
        """Raises NotRecorded."""
        return recorded_definitions(self._scope, self.broker, self.vhost, self.at)

    @cached_property
    def figures(self) -> tuple[datetime, Figures] | None:
        """(when they were recorded, the numbers); None where none were."""
        found = recorded_figures(self._scope, self.broker, self.vhost, self.at)
        return found and (found[0], {key: numbers for key, numbers in found[1].items() if not is_own(key[1])})

    @property
    def notes(self) -> list[str]:
        recorded, name = self.recorded, self.broker.name
        return [
            *([] if recorded.is_certain else [not_polled_text(name, self.at)]),
            *([without_text(name, recorded.without)] if recorded.without else []),
            *([partial_text(name)] if recorded.is_partial else []),
        ]

    def as_json(self) -> dict[str, Any]:
        found = self.figures
        return {
            "broker": self.broker.name,
            "vhost": self.vhost,
            "at": f"{self.at:%Y-%m-%dT%H:%M:%S}Z",
            "figures_at": None if found is None else f"{found[0]:%Y-%m-%dT%H:%M:%S}Z",
        }


class Sides:
    """Both, and what differs. The definitions raise NotRecorded where nothing is recorded of a side. `note`: a sentence on why these are the sides, or ""."""

    def __init__(self, before: Side, after: Side, note: str = "") -> None:
        self.before, self.after, self._note = before, after, note
        self.as_one = before.vhost is not None and after.vhost is not None

    @cached_property
    def comparison(self) -> Comparison:
        return compared(self.before.recorded.topologies, self.after.recorded.topologies, as_one=self.as_one)

    @cached_property
    def figures(self) -> list[FigureRow] | None:
        """None where none are recorded on a side."""
        before, after = self.before.figures, self.after.figures
        return None if before is None or after is None else side_by_side(before[1], after[1], as_one=self.as_one)

    @property
    def without_figures(self) -> list[str]:
        """Sentences on the sides of which no numbers are recorded."""
        sides: Sequence[Side] = (self.before, self.after)
        return [f"No depths and rates of {side.broker.name} are recorded at {side.at:%Y-%m-%d %H:%M:%S} UTC." for side in sides if side.figures is None]

    @property
    def notes(self) -> list[str]:
        every = [self._note, *self.before.notes, *self.after.notes, *self.without_figures, unknown_text(self.comparison.unknown)]
        return [note for note in dict.fromkeys(every) if note]
