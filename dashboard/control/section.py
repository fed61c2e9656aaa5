"""What the page of a worker node shows of changing it: a form for each action, and the orders it got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from dashboard.control import action as control
from dashboard.models import AuditEvent, User
from dashboard.people import access
from workers.control.arguments import ACTIONS, EXCHANGE_TYPES, Action, Field
from workers.models import Worker

NAMES_OFFERED = 500


class FormField(msgspec.Struct, frozen=True):
    """`names`: what the field offers; `problem`: a sentence on its value, "" if it is right or empty."""

    field: Field
    id: str
    value: str = ""
    problem: str = ""
    names: Sequence[str] = ()

    @property
    def chooses(self) -> bool:
        return self.field.kind == "exchange_type"


class ActionForm(msgspec.Struct, frozen=True):
    action: Action
    fields: Sequence[FormField]
    open: bool = False


def forms(workers: Sequence[Worker], given: Mapping[str, str], chosen: Action | None, problems: Mapping[str, str]) -> list[ActionForm]:
    """A form for each action on these worker nodes; that of the chosen one is open, with what was entered."""
    queues = sorted({str(queue.get("name", "")) for worker in workers for queue in worker.queues or ()})[:NAMES_OFFERED]
    tasks = sorted({str(task.get("name", "")) for worker in workers for task in worker.registered or ()})[:NAMES_OFFERED]
    offered = {"queue": queues, "task": tasks, "exchange_type": EXCHANGE_TYPES}
    found = []
    for action in ACTIONS.values():
        entered, wrong = (given, problems) if action is chosen else ({}, {})
        fields = [
            FormField(one, f"{action.key}-{one.name}", entered.get(one.name, ""), wrong.get(one.name, ""), offered.get(one.kind, ())) for one in action.fields
        ]
        found.append(ActionForm(action, fields, action is chosen))
    return found


class Entry(msgspec.Struct, frozen=True):
    """An order that the node got, as its page lists it."""

    event: AuditEvent
    text: str
    answer: str
    level: str

    @property
    def address(self) -> str:
        return reverse("worker_order", args=[self.event.pk])


def entry(event: AuditEvent, hostname: str) -> Entry:
    reply = (event.detail.get("replies") or {}).get(hostname)
    if reply is None:
        return Entry(event, str(event.detail.get("text", "")), "did not answer" if event.detail.get("sent") != "no" else "not sent", "unknown")
    return Entry(event, str(event.detail.get("text", "")), str(reply[1]) or "done", "ok" if reply[0] else "critical")


class ControlSection:
    """Of one worker node, for one person."""

    def __init__(self, user: User | AnonymousUser, worker: Worker, now: datetime) -> None:
        self.user, self.worker, self.now = user, worker, now

    @property
    def is_shown(self) -> bool:
        """Whether this person may change worker nodes there; who may not sees no section, as of other actions."""
        return access.may(self.user, "control", self.worker.broker.name, self.worker.vhost)

    @property
    def why_not(self) -> str:
        if self.worker.state == Worker.GONE:
            return "It is gone, so no order reaches it."
        return control.why_not(self.user, self.worker.broker.name, self.worker.vhost)

    @cached_property
    def forms(self) -> list[ActionForm]:
        return forms([self.worker], {}, None, {})

    @cached_property
    def history(self) -> list[Entry]:
        events = control.history(self.worker.broker.name, self.worker.vhost, self.worker.hostname, self.now)
        return [entry(event, self.worker.hostname) for event in events]
