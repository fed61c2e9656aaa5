"""`POST tasks/revoke`: one order that revokes tasks by id, by a filter, or by a stamped header, sent once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from brokers import queries as broker_queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.layout import changing
from dashboard.revoke import action as revoking
from dashboard.revoke.action import Chosen, Place
from dashboard.tasks import selection
from workers import queries
from workers.control.orders import Outcome
from workers.control.revocation import MOST_TASKS, SIGNALS, Revocation, read_stamps
from workers.models import Task

router = Router(tags=["tasks"])


class RevokeOrder(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: Name
    vhost: Name
    uuids: list[Name] | None = Field(
        None, description=f"1 to {MOST_TASKS:,} ids; also of tasks that were never seen, for who may revoke all of the virtual host"
    )
    q: str | None = Field(None, max_length=2000, description=f"The filter language of GET tasks; the newest {MOST_TASKS:,} that have not ended")
    stamps: dict[str, Any] | None = Field(None, description='A stamped header: {"order": ["17"]}; instead of uuids and q')
    terminate: bool = Field(False, description="Also end those that run, by a signal")
    signal: str = Field("SIGTERM", max_length=20, description=f"One of {', '.join(SIGNALS)}")
    dry_run: bool = Field(False, description="Only says what would happen: nothing is sent, and no permission is needed")


class RevokeReply(Schema):
    hostname: str
    ok: bool
    reply: str = Field(description="The node's own sentence")


class Revoked(Schema):
    total: int = Field(description="How many tasks the order names; of a stamped header how many are known to carry it")
    sample: list[str] = Field(description=f"Ids of the first {revoking.SAMPLE} of them")
    replies: list[RevokeReply] = Field(description="Of the worker nodes that the caller may view")
    unanswered: list[str] = Field(description="Did not answer in time; they may still carry the order out")
    text: str = Field(description="What the order does, to what, how many")
    left_out: list[str] = Field(description="Which of the tasks it is not about, and why")
    warnings: list[str]
    sent: bool | None = Field(description="null: unknown, the connection broke before the broker confirmed it")
    order: int | None = Field(description="The number of the order's page, /tasks/revocations/<number>/; null of a dry run")


@router.post(
    "/tasks/revoke",
    response={200: Revoked, 403: ErrorAnswer, 409: ErrorAnswer, 429: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="revoke_tasks",
)
def revoke(request: HttpRequest, given: RevokeOrder) -> dict[str, Any]:
    """Sends the order once to every worker node of the virtual host and waits up to 5 s for their answers. Recorded in the audit log."""
    stamps = _checked(given)
    chosen, tasks, more = Chosen(), list[Task](), False
    visible = scope(request).touches(given.broker, given.vhost)
    if visible or given.dry_run:
        broker = broker_named(request, given.broker)
        if broker_queries.virtual_host(scope(request), broker.pk, given.vhost) is None:
            raise not_found(f"There is no virtual host {given.vhost} on {broker.name}.", "vhost")
        place = Place(broker, given.vhost)
        chosen, tasks, more = _tasks(request, given, place, stamps)
    may_all = revoking.may(request.user, given.broker, given.vhost)
    if not given.dry_run and not may_all and (stamps or not chosen.tasks):
        raise _refused(request, given, changing.why_not(revoking.CHANGE, request.user, given.broker, given.vhost), 403)
    if not visible and not given.dry_run:
        raise not_found(f"There is no broker {given.broker}.", "broker")
    signal = given.signal if given.terminate else ""
    made = place.planned_by_stamps(stamps, tasks, signal) if stamps else place.planned(chosen, signal)
    left_out = [*made.left_out, *_beyond(chosen, more)]
    if not made.text:
        raise Problem(409, " ".join(left_out) or "No task that has not ended matches.", "stamps" if stamps else "q" if given.q is not None else "uuids")
    about = {"text": made.text, "left_out": left_out, "warnings": list(made.warnings), **_counted(made, tasks)}
    if given.dry_run:
        return {**about, "replies": [], "unanswered": [], "sent": False, "order": None}
    queue = None if may_all else chosen.tasks[0].queue
    if (why := changing.refusal(revoking.CHANGE, request.user, place.broker, place.vhost, timezone.now(), queue)) and why[0]:
        raise _refused(request, given, *why)
    if changing.is_often(revoking.CHANGE, request.user, timezone.now()):
        raise _refused(request, given, revoking.TOO_OFTEN, 429)
    done = revoking.run(request.user, place, made, tasks)
    if done.outcome.sent == "no":
        raise Problem(403 if done.outcome.refusal else 503, f"Nothing was sent: {done.outcome.problem}.", "broker")
    return {**about, **_answers(request, place, done.outcome), "sent": True if done.outcome.sent == "yes" else None, "order": done.event.pk}


def _checked(given: RevokeOrder) -> dict[str, list[str]]:
    """The stamps, {} where tasks are named; raises for a body that names none or several."""
    if sum(one is not None for one in (given.uuids, given.q, given.stamps)) != 1:
        raise invalid("uuids", "uuids: give uuids, q or stamps, and only one of them.")
    if given.uuids is not None and not 0 < len(given.uuids) <= MOST_TASKS:
        raise invalid("uuids", f"uuids: name 1 to {MOST_TASKS:,} tasks; these are {len(given.uuids):,}.")
    if given.uuids is not None and not all(uuid and "\x00" not in uuid for uuid in given.uuids):
        raise invalid("uuids", "uuids: an id is not empty and holds no NUL.")
    if given.signal not in SIGNALS:
        raise invalid("signal", f"signal: there is no {given.signal}; there are {', '.join(SIGNALS)}.")
    try:
        return read_stamps(given.stamps) if given.stamps is not None else {}
    except ValueError as error:
        raise invalid("stamps", f"stamps: {error}") from None


def _tasks(request: HttpRequest, given: RevokeOrder, place: Place, stamps: dict[str, list[str]]) -> tuple[Chosen, list[Task], bool]:
    """(what may be revoked, the tasks that are followed then, whether more match)."""
    seen = scope(request)
    if stamps:
        return Chosen(), queries.stamped_tasks(seen, place.broker, place.vhost, stamps), False
    if given.uuids is not None:
        chosen = revoking.given_uuids(request.user, seen, place.broker, place.vhost, given.uuids)
        return chosen, list(chosen.tasks), False
    found = selection.of_text(seen, given.q or "", place.broker, place.vhost, revoking.REVOCABLE_STATES, MOST_TASKS, timezone.now())
    if found.problems:
        raise invalid("q", f"q: {found.problems[0]}")
    chosen = revoking.permitted(request.user, found.tasks)
    return chosen, list(chosen.tasks), found.more


def _beyond(chosen: Chosen, more: bool) -> list[str]:
    refused = [f"{chosen.refused:,} more may not be revoked by you."] if chosen.refused else []
    return [*refused, *([f"More tasks match; these are the newest {MOST_TASKS:,}."] if more else [])]


def _counted(made: Revocation, tasks: list[Task]) -> dict[str, Any]:
    uuids = [task.uuid for task in tasks] if made.stamps else list(made.going)
    return {"total": len(uuids), "sample": uuids[: revoking.SAMPLE]}


def _answers(request: HttpRequest, place: Place, outcome: Outcome) -> dict[str, Any]:
    """Of the nodes that the caller may view."""
    visible = {one.hostname for one in queries.workers_named(scope(request), place.broker, place.vhost, [one.hostname for one in place.workers])}
    replies = [{"hostname": one.hostname, "ok": one.ok, "reply": one.text} for one in outcome.replies.values() if one.hostname in visible]
    return {"replies": replies, "unanswered": [hostname for hostname in outcome.unanswered if hostname in visible]}


def _refused(request: HttpRequest, given: RevokeOrder, why: str, status: int) -> Problem:
    name = given.uuids[0] if given.uuids and len(given.uuids) == 1 else ""
    changing.note_refusal(revoking.CHANGE, request.user, given.broker, given.vhost, name, why, timezone.now())
    return Problem(status, why, "broker")
