"""The answer to a question about a task: Celery's part, the broker's, and what they are based on. Pure.

`task_explanations` builds it; `as_json` makes the JSON of docs/routing.md of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.routing.answer import AfterQueue, Compared, Explanation, as_json
from dashboard.why.last_sent import LastTaskSent
from dashboard.why.task_configuration import UsedConfiguration
from workers import explain_task

GIVEN = UsedConfiguration("question", None, None, None, 0, "Taken from the given settings.")


class TaskExplanation(msgspec.Struct, frozen=True):
    """Where a task goes and why. `celery`: by Celery's rules alone; `broker`: None if nothing is sent to it, or in Celery’s part alone. `certain` and
    `unknown` (reasons as sentences) are about the whole. `sent`: None if no such event is known, or if the call decides; `decided_by`: what the address is
    from (`last_sent`), None if the question contains everything. `what_if`: only where the question has changes."""

    celery: explain_task.Answer
    certain: bool
    broker: Explanation | None = None
    unknown: list[str] = []
    configuration: UsedConfiguration = GIVEN
    sent: LastTaskSent | None = None
    decided_by: str | None = None
    what_if: Compared[TaskExplanation] | None = None

    @property
    def queues(self) -> list[str]:
        """The queues that it reaches in the broker, [] if unknown."""
        return self.broker.queues if self.broker else []

    @property
    def after(self) -> list[AfterQueue]:
        """What happens in these queues."""
        return self.broker.after if self.broker else []

    @property
    def problem(self) -> tuple[str, str] | None:
        """(the field of the question that is invalid, why); None if the question is valid."""
        kind, _, why = (self.celery.error or "").partition(": ")
        field, _, rest = why.partition(" ")
        return (field, rest) if kind == "BadQuestion" else None

    def as_json(self) -> dict[str, Any]:
        """As the API answers it; without the configuration if the question contains everything."""
        shown = self.celery.as_json(as_json(self.broker)) | {"certain": self.certain, "unknown": self.unknown}
        shown |= {"differing": self.celery.differing, "differences": as_json(self.celery.differences)}
        if self.decided_by is not None:
            shown |= {"configuration": as_json(self.configuration), "sent": as_json(self.sent), "decided_by": self.decided_by}
        if self.what_if is not None:
            shown["what_if"] = as_json(msgspec.structs.replace(self.what_if, answer=self.what_if.answer.as_json()))
        return shown
