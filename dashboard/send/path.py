"""A predicted sending as the page shows it: the path in a few boxes, and where each value comes from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from brokers.routing.answer import AfterQueue, ConsumingWorker
from dashboard.layout import formatting
from dashboard.layout.spans import written
from dashboard.send.order import Order
from dashboard.why.story.task import LAYERS
from dashboard.why.task_answer import TaskExplanation
from workers.destinations import Step
from workers.sending import send_options


class Hop(msgspec.Struct, frozen=True):
    """A box of the drawn path: a task, an exchange, queues, worker nodes."""

    icon: str
    title: str
    note: str


class Reason(msgspec.Struct, frozen=True):
    """Where one value comes from, and what it overrides."""

    what: str
    value: str
    source: str
    beats: str


def hops(answer: TaskExplanation, order: Order, user: str) -> list[Hop]:
    """The path in at most four boxes, one after the other."""
    to, after = send_options.destination(order.options), answer.after
    began = [Hop("checklist", order.task, f"you, {user}"), Hop("arrows-split", to.exchange or "(default)", f"key {to.routing_key}")]
    if not after and answer.broker and answer.broker.outcome == "unknown":
        return [*began, Hop("help", "unknown", "an exchange whose rules are not known")]
    if not after:
        return [*began, Hop("trash", "no queue", "unroutable, lost")]
    nodes = {node.hostname: node for one in after for node in one.workers or ()}
    return [*began, _queues(after), *([_workers(list(nodes.values()))] if nodes else [])]


def _queues(after: Sequence[AfterQueue]) -> Hop:
    if len(after) > 1:
        return Hop("stack-2", f"{len(after):,} queues", formatting.listed([one.queue for one in after]))
    consumers = after[0].consumers
    note = "consumers unknown" if consumers is None else formatting.count(consumers, "consumer") if consumers else "no consumers"
    return Hop("stack-2", after[0].queue, note)


def _workers(nodes: Sequence[ConsumingWorker]) -> Hop:
    free = [node.free_slots for node in nodes if node.free_slots is not None]
    if len(nodes) > 1:
        return Hop("cpu", f"{len(nodes):,} worker nodes", f"one of them, {sum(free):,} slots free" if len(free) == len(nodes) else "one of them")
    [node] = nodes
    if node.free_slots is None or node.concurrency is None:
        return Hop("cpu", node.hostname, "slots unknown")
    return Hop("cpu", node.hostname, f"{node.concurrency - node.free_slots:,} of {node.concurrency:,} slots used")


def reasons(answer: TaskExplanation, order: Order) -> list[Reason]:
    """Queue, exchange and routing key, each with the layer that gave it and those that lost."""
    to = send_options.destination(order.options)
    values = {"queue": answer.celery.queue, "exchange": to.exchange, "routing_key": to.routing_key}
    usual = "" if answer.configuration.source in ("worker", "application") else order.usual
    found = []
    for key, value in values.items():
        steps = [step for step in answer.celery.steps if step.key == key]
        beats = ", ".join(f"{_text(step.value)} ({_layer(step)})" for step in steps if step.lost_to and _text(step.value) != value)
        if value is not None:
            found.append(Reason(key.replace("_", " "), value or '""', _source(key, to.exchange, usual, steps), beats))
    return found


def _source(key: str, exchange: str, usual: str, steps: Sequence[Step]) -> str:
    """A direct queue is sent to by its name, so exchange and key come from there whatever else was set."""
    if not exchange and key != "queue":
        return "sent by the queue’s name" if key == "exchange" else "the queue’s name"
    won = next((step for step in steps if not step.lost_to), None)
    return usual or (_layer(won) if won else "the options")


def _layer(step: Step) -> str:
    return LAYERS.get(step.layer, step.layer)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else written(value)
