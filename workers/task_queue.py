"""In which queue a task is, or from which one it was taken: what the bindings of its time made of its exchange and routing key, and what the queues of
the worker node that received it rule out.

Pure. The word of Celery's task-sent event for a queue is no evidence: it names the queue whose settings the sender used, and bindings lead elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection

import msgspec

from brokers.routing.past import Route, undecided

MOST_NAMED = 3
ROUTING, WORKER, BOTH = "routing", "worker", "both"
NEVER = "it was stored before Hareline worked out queues from bindings"
NOT_SENT = undecided("no event of its sender named its exchange and routing key")


class TaskQueue(msgspec.Struct, frozen=True):
    """`names`: one; several where each has a copy; none where it is unknown, for the reason given.

    `source`: the bindings ("routing"), the node that received it and consumes no other queue ("worker"), or the only queue of that node that the bindings
    lead to ("both"); "" while nothing is known.
    """

    names: tuple[str, ...] = ()
    source: str = ""
    reason: str = ""

    @property
    def only(self) -> str | None:
        return self.names[0] if len(self.names) == 1 else None

    @property
    def several(self) -> str | None:
        """The names as they are stored, None unless there are several: JSON, sorted, so that equal ones are equal texts."""
        return json.dumps(self.names, ensure_ascii=False) if len(self.names) > 1 else None


def stored_queue(only: str | None, several: str | None, source: str | None, reason: str | None) -> TaskQueue | None:
    """What `only` and `several` gave, as it was stored; None where it was never worked out."""
    names = tuple(json.loads(several)) if several else () if only is None else (only,)
    return None if source is None and not names else TaskQueue(names, source or "", reason or "")


def resolved(route: Route, consumed: frozenset[str] | None) -> TaskQueue:
    """The queue by the route and the queues of the node that received it; `consumed` None: nobody did yet, or its queues are unknown.

    >>> resolved(Route(frozenset({"audit", "us"}), "", frozenset({"audit", "us"})), frozenset({"us", "eu"}))
    TaskQueue(names=('us',), source='both', reason='')
    """
    if consumed is None:
        return TaskQueue(tuple(sorted(route.queues)), ROUTING) if route.queues else TaskQueue(reason=route.reason)
    if not consumed:
        return TaskQueue(reason="the worker node that received it consumes no queue now")
    if route.possible is None:
        found, why = consumed, f"{route.reason}, and the worker node that received it consumes several queues"
    else:
        found, why = consumed & route.possible, f"{route.reason}, and the worker node that received it consumes several of those queues"
    if len(found) == 1 or (found and route.queues):
        return TaskQueue(tuple(sorted(found)), WORKER if route.possible is None else BOTH)
    if not found:
        led = f"the bindings led it to {_named(route.possible or ())}" if route.possible else route.reason
        why = f"{led}, and the worker node that received it consumes {_named(consumed)}: it was moved, or queues have changed since"
    return TaskQueue(reason=why)


def _named(names: Collection[str]) -> str:
    listed = sorted(names)
    more = len(listed) - MOST_NAMED
    return ", ".join(listed[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
