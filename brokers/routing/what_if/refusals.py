"""Hypothetical changes that a broker would refuse: a policy with a key that it does not know, an argument that the queue's type does not support.

Pure. What each type supports is in `brokers.routing.queue_types`.
"""

from __future__ import annotations

from typing import Any

from brokers.routing.definitions import Contents
from brokers.routing.fields import InvalidQuestion
from brokers.routing.queue_types import CLASSIC, argument_refusal, policy_refusal, property_refusal, type_named
from brokers.routing.what_if.changes import ArgumentSet, Change, PolicySet
from brokers.topology import QueueDefinition

TYPE = "x-queue-type"


def refuse(contents: Contents, change: Change, path: str, version: tuple[int, ...]) -> None:
    """Raises InvalidQuestion if a broker of this version would refuse the change."""
    if isinstance(change, PolicySet):
        refusal = policy_refusal(change.policy.apply_to, change.policy.definition, change.operator, version)
        if refusal:
            raise InvalidQuestion(f"{path}.{refusal[0]}", refusal[1])
    if isinstance(change, ArgumentSet):
        queue = next((one for one in contents.queues if one.name == change.queue), None)
        if queue is not None:
            _refuse_argument(queue, change, path, version)


def _refuse_argument(queue: QueueDefinition, change: ArgumentSet, path: str, version: tuple[int, ...]) -> None:
    if change.argument != TYPE:
        kind = type_named(queue.arguments.get(TYPE)) or queue.type
        if change.value is not None and (why := argument_refusal(change.argument, kind, version)):
            raise InvalidQuestion(f"{path}.argument", f"can't be set: {why}")
        return
    kind = _text(change.value) or CLASSIC
    refused = [why for name in queue.arguments if name != TYPE and (why := argument_refusal(name, kind, version))]
    refused += [why] if (why := property_refusal(kind, queue.durable, queue.exclusive, version)) else []
    if refused:
        raise InvalidQuestion(f"{path}.value", f"can't be set: {refused[0]}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
