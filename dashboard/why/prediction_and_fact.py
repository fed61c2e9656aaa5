"""Compares where a message or a task was predicted to go with where it went. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from dashboard.layout import formatting

MOST_NAMED = 5


class Row(msgspec.Struct, frozen=True):
    """`agrees` None: the actual value is unknown (so far). `text`: a sentence on a difference or on what is unknown, or ""."""

    what: str
    predicted: str
    real: str
    agrees: bool | None
    text: str = ""


def current_queue(predicted: Collection[str], queue: str) -> Row:
    """The comparison for a message in a queue.

    >>> current_queue(["mail"], "mail").agrees
    True
    """
    agrees = queue in predicted
    otherwise = "moved by a shovel or a program, or copied by BCC, which messages do not show"
    return Row("Current queue", named(predicted), queue, agrees, "" if agrees else f"A binding has changed since, or it arrived differently: {otherwise}.")


def routed_to(predicted: Collection[str], routed: Sequence[str]) -> Row:
    """The comparison for a traced message."""
    agrees = set(predicted) == set(routed)
    return Row("Routed to", named(predicted), named(routed), agrees, "" if agrees else "Bindings, policies or queues have changed since it was traced.")


def sent_for(predicted: Collection[str], queue: str) -> Row:
    """The comparison for a task whose task-sent event names a queue."""
    agrees = True if queue in predicted else None
    text = "" if agrees else "The task-sent event names the queue whose settings were used; the exchange’s bindings lead elsewhere."
    return Row("Intended queue", named(predicted), queue, agrees, text)


def received_from(predicted: Collection[str], queue: str) -> Row:
    """The comparison for a task and the queue that its worker received it from."""
    agrees = queue in predicted
    return Row("Received from", named(predicted), queue, agrees, "" if agrees else "Queues or bindings have changed since, or the task was moved.")


def received_by(predicted: Collection[str], workers: Mapping[str, Collection[str]], worker: str | None, consumes: Collection[str] | None) -> Row:
    """The comparison for a task and the worker that received it. `workers`: those of each queue, `consumes`: the queues of that worker, None if unknown."""
    expected = sorted({hostname for queue in predicted for hostname in workers.get(queue, ())})
    shown = named(expected) if expected else "no known worker"
    if worker is None:
        return Row("Received by", shown, "no worker yet", None, "No event shows that a worker received it.")
    common = sorted(set(predicted) & set(consumes or ()))
    if worker in expected or common:
        return Row("Received by", shown, worker, True, f"It consumes {named(common)}." if common and worker not in expected else "")
    if consumes is None:
        return Row("Received by", shown, worker, None, "The queues it consumes are unknown.")
    where = f"It consumes {named(consumes)}: " if consumes else ""
    return Row("Received by", shown, worker, False, f"{where}its queues or the bindings have changed since, or the task was moved.")


def named(names: Collection[str]) -> str:
    """The names in a sentence, "no queue" for none."""
    return formatting.listed(sorted(names), MOST_NAMED) if names else "no queue"
