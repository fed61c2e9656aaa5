"""`POST workers/control`: one order to some worker nodes, sent once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from brokers import queries as broker_queries
from brokers.models import Broker
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.control import action as control
from dashboard.people import access
from workers import queries
from workers.control.arguments import ACTIONS, Action, Arguments, parse
from workers.control.plan import Plan
from workers.models import Worker

router = Router(tags=["workers"])


class ControlOrder(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: Name
    vhost: Name
    hostnames: list[Name] = Field(description=f"1 to {control.MOST_NODES} worker nodes of the virtual host")
    action: str = Field(max_length=50, description=f"One of {', '.join(ACTIONS)}")
    arguments: dict[str, Any] = Field({}, description="By action; docs/control.md lists them")
    dry_run: bool = Field(False, description="Only says what would happen: nothing is sent, and no permission is needed")


class NodeReply(Schema):
    hostname: str
    ok: bool
    reply: str = Field(description="The node's own sentence")


class ControlOutcome(Schema):
    replies: list[NodeReply]
    unanswered: list[str] = Field(description="Did not answer in time; they may still carry the order out")
    text: str = Field(description="What the order does, to what, how many")
    warnings: list[str]
    sent: bool | None = Field(description="null: unknown, the connection broke before the broker confirmed it")


@router.post(
    "/workers/control",
    response={200: ControlOutcome, 403: ErrorAnswer, 409: ErrorAnswer, 422: ErrorAnswer, 429: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="control_workers",
)
def control_workers(request: HttpRequest, given: ControlOrder) -> dict[str, Any]:
    """Sends the order once and waits up to 5 s for the nodes' answers. Recorded in the audit log. With dry_run it only says what would happen."""
    if not given.dry_run and not access.may(request.user, "control", given.broker, given.vhost):
        raise _refused(request, given, control.why_not(request.user, given.broker, given.vhost), 403)
    broker = broker_named(request, given.broker)
    if broker_queries.virtual_host(scope(request), broker.pk, given.vhost) is None:
        raise not_found(f"There is no virtual host {given.vhost} on {broker.name}.", "vhost")
    action, arguments = _action(given)
    made = control.planned(scope(request), broker, given.vhost, action, arguments, _workers(request, broker, given))
    if made.refused:
        first, *others = made.refused
        more = f" {len(others)} more of these nodes can't either." if others else ""
        raise Problem(409, f"{first.why}{more}", first.field)
    if given.dry_run:
        return _answer(made, [], [], sent=False)
    if (why := control.refusal(request.user, broker, given.vhost, timezone.now())) and why[0]:
        raise _refused(request, given, *why)
    if too_many := control.too_many(request.user, timezone.now()):
        raise _refused(request, given, too_many, 429)
    outcome = control.run(request.user, broker, given.vhost, made, timezone.now()).outcome
    if outcome.sent == "no":
        raise Problem(403 if outcome.refusal else 503, f"Nothing was sent: {outcome.problem}.", "broker")
    replies = [{"hostname": one.hostname, "ok": one.ok, "reply": one.text} for one in outcome.replies.values()]
    return _answer(made, replies, list(outcome.unanswered), sent=True if outcome.sent == "yes" else None)


def _answer(made: Plan, replies: list[dict[str, Any]], unanswered: list[str], sent: bool | None) -> dict[str, Any]:
    return {"replies": replies, "unanswered": unanswered, "text": made.text, "warnings": list(made.warnings), "sent": sent}


def _refused(request: HttpRequest, given: ControlOrder, why: str, status: int) -> Problem:
    control.note_refusal(request.user, given.broker, given.vhost, given.hostnames[0] if len(given.hostnames) == 1 else "", why, timezone.now())
    return Problem(status, why, "broker")


def _action(given: ControlOrder) -> tuple[Action, Arguments]:
    action = ACTIONS.get(given.action)
    if action is None:
        raise Problem(422, f"action: there is no {given.action}; there are {', '.join(ACTIONS)}.", "action")
    arguments, problems = parse(action, given.arguments)
    if problems:
        raise Problem(422, problems[0].text, problems[0].field)
    return action, arguments


def _workers(request: HttpRequest, broker: Broker, given: ControlOrder) -> list[Worker]:
    wanted = list(dict.fromkeys(given.hostnames))
    if not 0 < len(wanted) <= control.MOST_NODES:
        raise Problem(422, f"hostnames: name 1 to {control.MOST_NODES} worker nodes; these are {len(wanted)}.", "hostnames")
    found = queries.workers_named(scope(request), broker, given.vhost, wanted)
    missing = sorted(set(wanted) - {worker.hostname for worker in found})
    if missing:
        raise not_found(f"There is no worker node {missing[0]} in {given.vhost} on {broker.name}.", "hostnames")
    return found
