"""What the Prometheus plugin and the totals leave out of queues: their state and replicas, and the policies in force.

Where queues are many, these lists cost the broker half a second and more, and 2.5 s with the policies; so they are read rarely, and handed to the polls of
the depths.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers.parts import QUEUE_COUNTERS, QUEUE_TOTALS
from brokers.polling.inventory_round import Round
from brokers.polling.node_metrics import without_figures
from brokers.polling.poll_memory import LastRead
from brokers.stats import QueueStats

POLICIES_EVERY = timedelta(hours=1)
"""How often the policies in force are read while no policy has changed."""
NEW_POLICIES_EVERY = timedelta(minutes=10)
"""The same while those of a queue are not known: a few new queues are looked up with theirs, many are found in a list without them."""
MANY_QUEUES = 10_000
"""Of more the policies in force are read by pages, which cost the broker twice as much as one list, and never much at once."""

REPLICATED = frozenset({"quorum", "stream"})

SECOND_HAND = ("detailed", "totals")
"""The sources of depths without policies."""


def read(one: Round) -> None:
    """Updates the memory's `properties` where depths come from a source without them."""
    if one.memory.depths.source == "detailed":  # the totals, which polls of the depths read else, have states and replicas
        _read_states(one)
    else:
        one.parts.not_requested(QUEUE_TOTALS)
    if one.memory.depths.source in SECOND_HAND:
        _read_policies(one)
    else:
        one.parts.not_requested(QUEUE_COUNTERS)


def _read_states(one: Round) -> None:
    kept, depths = one.kept, one.memory.depths
    running = frozenset(node.name for node in depths.nodes or () if node.running)
    last = kept.states_read
    if last.at is None:  # the first poll of the depths has read them
        last = kept.states_read = LastRead(depths.totals_read.at, depths.totals_read.seconds, running)
    every = last.rarely if any(queue.type in REPLICATED for queue in depths.known.values()) else last.in_case  # without replicas all change with a node
    if not (last.due(one.now, running, every) or one.parts.is_failing(QUEUE_TOTALS)) or not one.may_read():
        return
    before = one.busy_seconds
    found = one.fetch(QUEUE_TOTALS, one.api.queues_totals)
    if found is not None:
        kept.states_read = LastRead(one.now, one.busy_seconds - before, running)
        _hand_over(one, found)


def _read_policies(one: Round) -> None:
    kept, columns = one.kept, one.memory.depths.columns_read
    last = kept.policies_read
    if columns.at is not None and (last.at is None or columns.at > last.at):  # a poll of the depths has read them
        last = LastRead(columns.at, columns.seconds, last.sign)
    every = NEW_POLICIES_EVERY if any(queue.policy is None for queue in one.memory.depths.known.values()) else POLICIES_EVERY
    going_on = one.parts.is_failing(QUEUE_COUNTERS) or one.is_partly_read(QUEUE_COUNTERS)
    if not (going_on or last.due(one.now, kept.policy_changes, every)):
        return
    before, sign = one.busy_seconds, one.begun_with(QUEUE_COUNTERS, kept.policy_changes)
    if len(one.memory.depths.known) > MANY_QUEUES or one.is_partly_read(QUEUE_COUNTERS):
        found = one.fetch_pages(QUEUE_COUNTERS, one.api.queues_page, sign=kept.policy_changes)
    else:
        found = one.fetch(QUEUE_COUNTERS, one.api.queues_columns) if one.may_read() else None
    if found is not None:
        kept.policies_read = LastRead(one.now, one.busy_seconds - before, sign)
        _hand_over(one, found)


def _hand_over(one: Round, queues: Iterable[QueueStats]) -> None:
    one.kept.properties = {queue.key: without_figures(queue) for queue in queues}
    one.kept.properties_at = one.now
