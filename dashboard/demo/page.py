"""The page "Plant a problem": what there is to plant, what the demo's process has made of that, and what was found since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from brokers.scope import Scope
from dashboard import queries
from dashboard.layout import formatting
from dashboard.layout.levels import Word
from dashboard.models import Finding
from workers.demo.plants.catalog import GROUPS, Plant
from workers.demo.plants.protocol import PlantFiles, PlantState, Request, Seen

LEVELS: dict[str, Word] = {"off": "ok", "starting": "notice", "on": "notice", "ending": "notice", "failed": "warning"}


class PlantRow(msgspec.Struct, frozen=True):
    """A plant on the page. `action`: start or end, "" while neither can be done. `found`: open findings that it led to."""

    plant: Plant
    level: Word
    text: str
    action: str
    found: list[Finding]


class PlantsPage:
    """`problem`: a sentence, where nobody carries out what is planted."""

    def __init__(self, scope: Scope, files: PlantFiles, may_plant: bool, now: datetime) -> None:
        self.now, self.may_plant = now, may_plant
        self._wanted, self._seen = files.wanted(), files.state()
        open_now = queries.open_findings(scope)
        self.problem = problem(self._seen, now)
        self.groups = [(name, [self._row(plant, open_now) for plant in plants]) for name, plants in GROUPS]
        self.on = sum(row.action == "end" for _, rows in self.groups for row in rows)

    def _row(self, plant: Plant, open_now: Iterable[Finding]) -> PlantRow:
        state, request = self._seen.plants.get(plant.key, PlantState()), self._wanted.get(plant.key)
        word, text = state_text(state, request, bool(self.problem), self.now)
        found = [one for one in open_now if one.rule in plant.rules and one.under_id is None] if word in ("on", "starting", "ending") else []
        action = "" if word == "ending" else "end" if word in ("on", "starting", "unknown") and request else "start"
        return PlantRow(plant, "unknown" if word == "unknown" else LEVELS[word], text, action, found)


def problem(seen: Seen, now: datetime) -> str:
    """Why what is planted is not carried out; "" if it is."""
    if seen.is_of_now(now.timestamp()):
        return ""
    if seen.at is None:
        return "The demo's process that does it has not started yet: it waits for the broker."
    since = formatting.age(_moment(seen.at), now)
    return f"The demo's process that does it has reported nothing for {since}: what is planted now is unknown."


def state_text(state: PlantState, request: Request | None, unknown: bool, now: datetime) -> tuple[str, str]:
    """(word, text): the state of a plant, or that it is requested and not begun, or unknown.

    >>> state_text(PlantState("on", 1_000_000_000.0), Request("ada", 999_999_999.0), False, datetime(2001, 9, 9, 1, 47, 40, tzinfo=UTC))
    ('on', 'on since 01:46:40, started by ada')
    >>> state_text(PlantState(), None, False, datetime(2001, 9, 9, tzinfo=UTC))
    ('off', 'off')
    """
    if unknown:
        return "unknown", "unknown" if request is None else f"requested by {request.by}; unknown whether it is on"
    since = formatting.moment_text(_moment(state.since), now)
    if state.state == "failed":
        return "failed", f"failed at {since}: {state.why}"
    if state.state == "off":
        return ("starting", f"starting, for {request.by}") if request else ("off", "off")
    if state.state == "on":
        return ("on", f"on since {since}, started by {request.by}") if request else ("ending", "ending")
    return state.state, f"{state.state} since {since}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
