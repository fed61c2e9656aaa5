"""`GET lab`: the experiments of the messaging lab."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from dashboard import queries
from dashboard.api.errors import ERRORS
from dashboard.api.parameters import scope
from dashboard.lab.page import ExperimentRow
from dashboard.models import LabExperiment

router = Router(tags=["lab"])


class LabNode(Schema):
    name: str
    queue: str
    done: int = Field(description="Messages that it worked on since measuring began")
    held: int
    address: str | None = Field(description="From which it connects; null while it is not connected")


class LabExperimentItem(Schema):
    id: int
    pattern: str
    name: str
    broker: str
    vhost: str
    state: Literal["waiting", "starting", "running", "removing", "ended"]
    started_by: str
    requested_at: datetime
    ends_at: datetime = Field(description="By itself, unless it is prolonged")
    ended_at: datetime | None
    reason: str | None = Field(description="Why it ended")
    problem: str | None = Field(description="What it waits for now")
    knobs: dict[str, Any]
    measured_at: datetime | None
    sent: int | None = Field(description="Null where nothing was measured with these knobs; of ended experiments what was measured is not returned")
    holds: Literal["yes", "no", "unknown"] = Field(description="Whether what was measured matches what the pattern claims")
    verdict: str | None
    nodes: list[LabNode]


class LabExperiments(Schema):
    items: list[LabExperimentItem] = Field(description="Those that run, the earliest first, then the latest 20 that ended")


@router.get("/lab", response={200: LabExperiments, **ERRORS}, operation_id="lab")
def lab(request: HttpRequest) -> dict[str, Any]:
    """Experiments of the messaging lab whose virtual host the caller may view, with what their worker nodes measured."""
    visible = scope(request)
    running = [_item(one, one.measured or {}) for one in queries.active_experiments(visible)]
    return {"items": running + [_item(one, {}) for one in queries.ended_experiments(visible)]}


def _item(found: LabExperiment, known: dict[str, Any]) -> dict[str, Any]:
    measured = known if known.get("revision") == found.revision else {}
    verdict = measured.get("verdict", {})
    return {
        "id": found.pk, "pattern": found.pattern, "name": ExperimentRow(found, found.requested_at).name, "broker": found.broker, "vhost": found.vhost,
        "state": found.state, "started_by": found.user_name, "requested_at": found.requested_at, "ends_at": found.ends_at, "ended_at": found.ended_at,
        "reason": found.reason or None, "problem": found.problem or None, "knobs": found.knobs, "measured_at": found.measured_at if measured else None,
        "sent": measured.get("sent"), "holds": verdict.get("holds", "unknown"), "verdict": verdict.get("text"),
        "nodes": [{**node, "held": max(0, node["held"])} for node in measured.get("nodes", [])],
    }  # fmt: skip
