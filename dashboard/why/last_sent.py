"""The last task of a name that was really sent: whether it agrees with the configuration that is known, and what it decides. Pure.

A task-sent event is a fact, a configuration that a worker reported is what its sender probably uses. So where the two differ, or the configuration is opaque
or unknown, the fact is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.past import is_delay_level
from dashboard.why.task_configuration import Sent
from workers import explain_task
from workers.destinations.declarations import Predeclared
from workers.inspection.live_configuration import AGREES, OWN_EXCHANGE, sender_contradiction

BY_CONFIGURATION, BY_LAST_SENT, BY_ASSUMPTION = "configuration", "last_sent", "assumption"
"""What the queue, exchange and routing key of an answer are from."""

AGREED = "The last task of this name was actually sent there: the sender agrees."
OWN_EXCHANGE_TEXT = (
    "The last task of this name was sent to exchange {exchange!r} with the key {routing_key!r}{arrived}: that call, or its sender, named an exchange of its "
    "own."
)
NOT_COMPARED = "No settings are known to compare it with."
_NAMED = ("queue", "exchange", "routing_key")
_DECIDING = ("exchange_type", "countdown", "eta")


class LastTaskSent(Sent, frozen=True):
    """The last task of a name that was really sent, compared with an answer. `agrees` None: it can't contradict; `text`: a sentence."""

    agrees: bool | None
    text: str


def compared(answer: explain_task.Answer, options: Any, sent: Sent | None, assumed: bool = False) -> LastTaskSent | None:
    """The last task-sent event beside the answer: `agrees` None where it can't contradict, since that call named its own exchange, or the settings are only
    `assumed`. None if there is no such event, or if the call decides otherwise than that one went, or that one had a countdown and went to the delay
    exchanges."""
    if sent is None or is_delay_level(sent.exchange or "") or not isinstance(options, Mapping | None):
        return None
    fields = msgspec.structs.asdict(sent)
    if any(value is not None and (name in _DECIDING or (name in _NAMED and value != fields[name])) for name, value in (options or {}).items()):
        return None
    apart = _difference(answer, fields)
    if apart == AGREES:
        return LastTaskSent(**fields, agrees=True, text=AGREED)
    if assumed:
        return LastTaskSent(**fields, agrees=None, text=NOT_COMPARED)
    if apart == OWN_EXCHANGE:
        return LastTaskSent(**fields, agrees=None, text=OWN_EXCHANGE_TEXT.format(**fields | {"arrived": _arrived(sent)}))
    return LastTaskSent(**fields, agrees=False, text=apart)


def _arrived(sent: Sent) -> str:
    queues = ", ".join(sent.arrived[:5])
    return f", and went to {'queue' if len(sent.arrived) == 1 else 'queues'} {queues}" if queues else ""


def _difference(answer: explain_task.Answer, fields: dict[str, Any]) -> str:
    """As `sender_contradiction`, also where the answer is an error."""
    if answer.error is not None or answer.exchange is None:
        text = f"By these settings it would fail ({answer.error})" if answer.error else "By these settings it would not be sent"
        return f"{text}, but the last task of this name was sent: the sender's own configuration or options differ."
    return sender_contradiction({"queue": answer.queue, "exchange": answer.exchange, "routing_key": answer.routing_key}, fields)


def decided(answer: explain_task.Answer, sent: LastTaskSent | None, opaque: bool) -> tuple[explain_task.Answer, str]:
    """(the answer, what it is from). `opaque`: the configuration that it was computed from is unknown, or hides what could change it.

    An error that follows only from what is assumed is no error: it becomes a step."""
    if sent is not None and (opaque or sent.agrees is False):
        return _as_sent(answer, sent), BY_LAST_SENT
    if not opaque or answer.error is None:
        return answer, BY_ASSUMPTION if opaque else BY_CONFIGURATION
    steps = [msgspec.structs.replace(step, key="assumed error") if step.key == "error" else step for step in answer.steps]
    return msgspec.structs.replace(answer, error=None, certain=False, steps=steps), BY_ASSUMPTION


def _as_sent(answer: explain_task.Answer, sent: LastTaskSent) -> explain_task.Answer:
    exchange = sent.exchange or ""
    return msgspec.structs.replace(
        answer,
        queue=sent.queue,
        exchange=exchange,
        exchange_type=answer.exchange_type if exchange == answer.exchange else None,
        routing_key=sent.routing_key or "",
        error=None,
        certain=answer.certain and sent.agrees is True,
        existing=Predeclared(),
        steps=[step for step in answer.steps if step.key != "error"],
    )
