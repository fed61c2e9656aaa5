"""`POST tasks/run-again` begins to run tasks again, `GET tasks/run-again` returns how far that is."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from brokers import queries as broker_queries
from brokers.models import Broker
from dashboard import queries, store
from dashboard.again import action as again
from dashboard.again import runner
from dashboard.again.action import LeftOut, Ready
from dashboard.again.batch_page import BatchPage
from dashboard.again.page import failed_of
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import Moment, Name, broker_named, scope
from dashboard.layout import changing
from dashboard.tasks import selection
from dashboard.tasks.selection import Selection

router = Router(tags=["tasks"])


class RunAgainOrder(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: Name
    vhost: Name
    uuids: list[Name] | None = Field(None, description=f"1 to {again.MOST_TASKS:,} tasks that have ended")
    q: str | None = Field(None, max_length=2000, description="The filter language of GET tasks; of what it finds only failed, revoked and rejected tasks")
    failure: int | None = Field(None, ge=1, lt=2**63, description="A group of GET failures; those of it that have failed still")
    limit: int = Field(again.MOST_TASKS, ge=1, le=again.MOST_TASKS, description="At most so many, the oldest first")
    per_second: float = Field(again.USUAL_PER_SECOND, ge=again.SLOWEST_PER_SECOND, le=again.FASTEST_PER_SECOND)
    include_again: bool = Field(False, description="Also those that were run again already")
    dry_run: bool = Field(False, description="Only says what would be sent: nothing is, and no permission is needed")


class OfReason(Schema):
    why: str
    total: int
    sample: list[str] = Field(description="Ids")


class RunAgainBegun(Schema):
    id: int | None = Field(description="For GET tasks/run-again and the page /tasks/again/<id>/; null of a dry run")
    total: int = Field(description="How many are sent")
    sample: list[str] = Field(description=f"Ids of the first {again.SAMPLE} of them, the old ones")
    left_out: list[OfReason] = Field(description="Those that are not run again, such as those whose arguments are not known in full")
    total_is_more: bool = Field(description=f"More tasks match than the {again.MOST_TASKS:,} that were looked at")


class RunAgainItem(Schema):
    old_uuid: str
    new_uuid: str
    name: str
    state: str = Field(description="waiting, sending, confirmed, returned (no queue took it), unknown (whether it arrived), not sent, or left out")
    reason: str | None
    sent_at: Moment | None


class RunAgainProgress(Schema):
    id: int
    state: str = Field(description="running, stopped, done, or interrupted: the program that sent them has ended; a person goes on with what waits")
    reason: str | None
    total: int
    over: int = Field(description="How many wait no longer")
    per_second: float
    items: list[RunAgainItem]


class OfBatch(Schema):
    id: int = Field(ge=1, lt=2**63)


@router.post(
    "/tasks/run-again",
    response={200: RunAgainBegun, 202: RunAgainBegun, 403: ErrorAnswer, 409: ErrorAnswer, 429: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="run_again",
)
def run_again(request: HttpRequest, given: RunAgainOrder) -> Status[Any]:
    """Begins to send each task once more, with its own arguments, a new id, and at a rate. Recorded in the audit log. A single task is sent at once."""
    if sum(one is not None for one in (given.uuids, given.q, given.failure)) != 1:
        raise invalid("uuids", "uuids: give uuids, q or failure, and only one of them.")
    if given.uuids is not None and not 0 < len(given.uuids) <= again.MOST_TASKS:
        raise invalid("uuids", f"uuids: name 1 to {again.MOST_TASKS:,} tasks; these are {len(given.uuids):,}.")
    if not given.dry_run and not again.may(request.user, given.broker, given.vhost):
        raise _refused(request, given, changing.why_not(again.CHANGE, request.user, given.broker, given.vhost), 403)
    broker = broker_named(request, given.broker)
    if broker_queries.virtual_host(scope(request), broker.pk, given.vhost) is None:
        raise not_found(f"There is no virtual host {given.vhost} on {broker.name}.", "vhost")
    selected = _selected(request, given, broker)
    newest = queries.newest_run_again()
    ready, left_out = again.sorted_out(broker.name, given.vhost, selected.tasks, given.include_again)
    going = ready[: given.limit]
    if given.dry_run:
        return Status(200, _answer(None, going, left_out, selected))
    if not going:
        raise Problem(409, " ".join(one.text for one in left_out)[:1000] or "No task that can be run again matches.", "uuids")
    if (why := changing.refusal(again.CHANGE, request.user, broker, given.vhost, timezone.now())) and why[0]:
        raise _refused(request, given, *why)
    if changing.is_often(again.CHANGE, request.user, timezone.now()):
        raise _refused(request, given, again.TOO_OFTEN, 429)
    try:
        batch = again.begin(request.user, broker.name, given.vhost, going, given.per_second, selected.text, timezone.now(), newest)
    except store.RunAgainMeanwhile:
        raise Problem(409, again.MEANWHILE, "uuids") from None
    runner.run(batch.pk) if len(going) == 1 else runner.start(batch.pk)
    return Status(202, _answer(batch.pk, going, left_out, selected))


@router.get("/tasks/run-again", response={200: RunAgainProgress, **ERRORS}, operation_id="run_again_progress")
def progress(request: HttpRequest, query: Query[OfBatch]) -> dict[str, Any]:
    """How far it is, and which new task runs which old one."""
    batch = queries.run_again_batch(scope(request), query.id)
    if batch is None:
        raise not_found(f"There is no run again {query.id}.", "id")
    shown = BatchPage(scope(request), request.user, batch, timezone.now())
    fields = ("old_uuid", "new_uuid", "name", "state", "sent_at")
    items = [{**{name: getattr(item, name) for name in fields}, "reason": item.reason or None} for item in shown.items]
    state = "interrupted" if shown.is_interrupted else batch.state
    figures = {"total": shown.total, "over": shown.over, "per_second": batch.per_second}
    return {"id": batch.pk, "state": state, "reason": batch.reason or None, **figures, "items": items}


def _selected(request: HttpRequest, given: RunAgainOrder, broker: Broker) -> Selection:
    seen, now = scope(request), timezone.now()
    if given.uuids is not None:
        wanted = list(dict.fromkeys(given.uuids))
        found = selection.of_uuids(seen, broker, given.vhost, wanted)
        if missing := sorted(set(wanted) - {task.uuid for task in found}):
            raise not_found(f"There is no task {missing[0]} in {given.vhost} on {broker.name}.", "uuids")
        return Selection(found)
    if given.failure is not None:
        group = failed_of(seen, given.failure, again.MOST_TASKS, now)
        there = group is not None and group.tasks and (group.tasks[0].broker_id, group.tasks[0].vhost) == (broker.pk, given.vhost)
        if group is None or (group.tasks and not there):
            raise not_found(f"There is no group of failures {given.failure} in {given.vhost} on {broker.name}.", "failure")
        return group
    chosen = selection.of_text(seen, given.q or "", broker, given.vhost, again.STATES, again.MOST_TASKS, now)
    if chosen.problems:
        raise invalid("q", f"q: {chosen.problems[0]}")
    return chosen


def _answer(batch_id: int | None, going: list[Ready], left_out: list[LeftOut], selected: Selection) -> dict[str, Any]:
    reasons = [{"why": one.why, "total": len(one.tasks), "sample": [task.uuid for task in one.tasks[: again.SAMPLE]]} for one in left_out]
    sample = [one.task.uuid for one in going[: again.SAMPLE]]
    return {"id": batch_id, "total": len(going), "sample": sample, "left_out": reasons, "total_is_more": selected.more}


def _refused(request: HttpRequest, given: RunAgainOrder, why: str, status: int) -> Problem:
    name = given.uuids[0] if given.uuids and len(given.uuids) == 1 else ""
    changing.note_refusal(again.CHANGE, request.user, given.broker, given.vhost, name, why, timezone.now())
    return Problem(status, why, "broker")
