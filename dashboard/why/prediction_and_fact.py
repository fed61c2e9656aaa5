"""Where a message or a task was predicted to go, beside where it really went. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from dashboard.layout import formatting

MOST_NAMED = 5


class Row(msgspec.Struct, frozen=True):
    """`agrees` None: the fact is not known (yet). `says` is a sentence on a difference or on what is not known, "" where all is said."""

    what: str
    predicted: str
    real: str
    agrees: bool | None
    says: str = ""


def lies_in(predicted: Collection[str], queue: str) -> Row:
    """A message that lies in a queue.

    >>> lies_in(["mail"], "mail").agrees
    True
    """
    agrees = queue in predicted
    other_ways = "a shovel or a program moved it, or it was copied there by BCC, which no message shows"
    return Row("Lies in", named(predicted), queue, agrees, "" if agrees else f"A binding has changed since it came, or it came another way: {other_ways}.")


def routed_to(predicted: Collection[str], routed: Sequence[str]) -> Row:
    """A message whose queues a trace tells."""
    agrees = set(predicted) == set(routed)
    return Row("Was routed to", named(predicted), named(routed), agrees, "" if agrees else "Bindings, policies or queues have changed since it was traced.")


def sent_for(predicted: Collection[str], queue: str) -> Row:
    """A task whose sender told the queue that it meant."""
    agrees = True if queue in predicted else None
    says = "" if agrees else "Sender’s task-sent event named it, which is no fact: the bindings of the exchange decide, and they lead elsewhere."
    return Row("Was sent for", named(predicted), queue, agrees, says)


def taken_from(predicted: Collection[str], queue: str) -> Row:
    """A task and the queue that the worker node took it from, as far as the queues that the node consumes show it."""
    agrees = queue in predicted
    return Row("Was taken from", named(predicted), queue, agrees, "" if agrees else "Queues or bindings have changed since, or the task was moved.")


def taken_by(predicted: Collection[str], workers: Mapping[str, Collection[str]], worker: str | None, consumes: Collection[str] | None) -> Row:
    """A task and the worker node that took it. `workers` are those behind each queue, `consumes` the queues of the one that took it, None if unknown."""
    expected = sorted({hostname for queue in predicted for hostname in workers.get(queue, ())})
    shown = named(expected) if expected else "no worker node known there"
    if worker is None:
        return Row("Was taken by", shown, "nobody yet", None, "No worker node has said that it took it.")
    common = sorted(set(predicted) & set(consumes or ()))
    if worker in expected or common:
        return Row("Was taken by", shown, worker, True, f"It consumes {named(common)}." if common and worker not in expected else "")
    if consumes is None:
        return Row("Was taken by", shown, worker, None, "Which queues it consumes is not known.")
    where = f"It consumes {named(consumes)}: " if consumes else ""
    return Row("Was taken by", shown, worker, False, f"{where}its queues or the bindings have changed since, or the task was moved.")


def named(names: Collection[str]) -> str:
    """The names in a sentence, "no queue" for none."""
    return formatting.listed(sorted(names), MOST_NAMED) if names else "no queue"
