"""A receiver of messages and the maintenance that sends them, at moments that a test sets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboard.models import Finding, FindingEvent
from dashboard.notifications.delivering import Deliverer
from dashboard.notifications.messages import Message
from dashboard.notifications.planning import Planner
from dashboard.notifications.sending import Outcome
from tests.notifications.objects import at
from tests.waiting import wait_until


class Receiver:
    """Takes what is sent, as a webhook does: by the ids of what happened. `outage` is what it answers meanwhile."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.tried: list[str] = []
        self.outage = ""

    def send(self, _: str, __: dict[str, Any], message: Message) -> Outcome:
        self.tried.append(message.key)
        if not self.outage:
            self.messages.append(message)
        return Outcome(self.outage)

    @property
    def received(self) -> list[tuple[str, str]]:
        """(what happened, title) of each, in the order in which they came."""
        return [(one["event"], one["title"]) for message in self.messages for one in message.body["findings"]]

    @property
    def ids(self) -> list[str]:
        return [one["id"] for message in self.messages for one in message.body["findings"]]


class Maintenance:
    """What the thread of the maintenance process does, at moments that the test sets."""

    def __init__(self, receiver: Receiver) -> None:
        self.planner, self.deliverer = Planner(least_group_seconds=0.0), Deliverer(receiver.send)

    def plan(self, now: datetime) -> int:
        self.planner._looked = float("-inf")
        return self.planner.round(now)

    def deliver(self, now: datetime) -> None:
        self.deliverer.round(now)
        wait_until(lambda: all(future.done() for _, future in self.deliverer._sending.values()))
        self.deliverer.round(now)

    def work(self, seconds: float) -> None:
        self.plan(at(seconds))
        self.deliver(at(seconds))


def events(finding: Finding) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in FindingEvent.objects.filter(finding=finding, kind__contains="notified").order_by("pk")]
