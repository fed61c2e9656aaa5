"""`GET periodic-tasks`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from dashboard.api.errors import ERRORS
from dashboard.api.parameters import Moment, OfBroker, broker_named, scope
from dashboard.periodic.known import Known, periodic_tasks
from dashboard.periodic.text import State, schedule_text
from workers.periodic.schedules import Crontab, Every

router = Router(tags=["periodic tasks"])


class PeriodicItem(Schema):
    broker: str
    vhost: str
    name: str
    task: str
    schedule: str = Field(description="In words")
    seconds: float | None = Field(description="Of an interval")
    crontab: str | None = Field(description="minute hour day-of-month month day-of-week")
    timezone: str | None = Field(description="In which the crontab counts")
    queue: str | None
    enabled: bool
    sources: list[str] = Field(description="Worker nodes whose configuration has it, or the application; none of a task that only comes regularly")
    observed_runs: int | None = Field(description="From how many runs the period of such a task was worked out")
    state: State
    reason: str | None
    last_at: Moment | None = Field(description="When the last run was sent, or received where that is unknown")
    last_uuid: str | None
    next_at: Moment | None = Field(description="In the past where a run is overdue")
    day: dict[str, int] = Field(description="The runs of the last 24 hours: ran, late, doubled, missed, due, unknown")


class PeriodicItems(Schema):
    total: int
    items: list[PeriodicItem]
    troubles: list[str] = Field(description="Sources that can’t be read")


@router.get("/periodic-tasks", response={200: PeriodicItems, **ERRORS}, operation_id="periodic_tasks")
def periodic(request: HttpRequest, query: Query[OfBroker]) -> dict[str, Any]:
    """Periodic tasks of the virtual hosts of which the caller may view all queues, the first 200, and whether they ran."""
    broker = None if query.broker is None else broker_named(request, query.broker).pk
    found = periodic_tasks(scope(request), broker, query.vhost, timezone.now())
    return {"total": len(found.items) + found.left_out, "items": [_item(known) for known in found.items], "troubles": list(found.troubles)}


def _item(known: Known) -> PeriodicItem:
    entry, last = known.entry, known.last
    crontab = entry.schedule if isinstance(entry.schedule, Crontab) else None
    return PeriodicItem(
        broker=known.broker,
        vhost=known.vhost,
        name=entry.name,
        task=entry.task,
        schedule=schedule_text(entry.schedule),
        seconds=entry.schedule.seconds if isinstance(entry.schedule, Every) else None,
        crontab=crontab.expression if crontab else None,
        timezone=crontab.timezone if crontab else None,
        queue=entry.queue,
        enabled=entry.enabled,
        sources=list(entry.sources),
        observed_runs=entry.observed_runs or None,
        state=known.state,
        reason=known.sentence or None,
        last_at=last.run.at if last else None,
        last_uuid=last.run.uuid if last else None,
        next_at=known.next_at if entry.enabled else None,
        day=dict(Counter(slot.outcome for slot in known.slots)),
    )
