"""The path of a message as steps of the map: which exchanges, queues and worker nodes it reaches at once. Pure."""

from __future__ import annotations

from brokers.routing.answer import Explanation

EXCHANGE, QUEUE, WORKER = "exchange", "queue", "worker"
Reached = tuple[str, str]
"""(kind, name)."""


def map_steps(answer: Explanation) -> list[list[Reached]]:
    """The exchange that it enters, then what each step reaches, each object where it is reached first, and the worker nodes that consume its queues; [] if it
    enters no exchange. What becomes of it in a queue is not on it."""
    passed = [step for step in answer.steps if step.via != "dead-letter"]
    if not passed:
        return []
    at: dict[Reached, int] = {(EXCHANGE, passed[0].exchange): 0}
    for step in passed:
        here = at.setdefault((EXCHANGE, step.exchange), 0)
        for one in step.bindings:
            if one.matched:
                at.setdefault((one.destination_type, one.destination), here + 1)
        if step.alternate is not None and step.alternate.used:
            at.setdefault((EXCHANGE, step.alternate.exchange), here + 1)
    last = max(at.values())
    for name in answer.queues:
        at.setdefault((QUEUE, name), last + 1)
    last = max(at.values())
    for queue in answer.after:
        for worker in queue.workers or ():
            at.setdefault((WORKER, worker.hostname), last + 1)
    steps: dict[int, list[Reached]] = {}
    for reached, step_number in at.items():
        steps.setdefault(step_number, []).append(reached)
    return [sorted(steps[number]) for number in sorted(steps)]
