"""The depths of all queues, from the cheapest accurate source of the broker.

Up to 1,000 queues the management API's columns (counters, consumers) with its totals (fresher depths). Above, a list with counters costs the
broker seconds of CPU, so: the Prometheus plugin of every running node (`brokers.polling.node_metrics`), or else the totals. What these omit (type,
arguments, policy) is kept from rarer requests (`brokers.polling.queue_properties`).

The totals and the plugin leave out a quorum queue without a leader; the columns list it. So an absence proves a deletion only where the columns were
read too, or the broker counts as many queues as are listed (`Depths.lists_all`).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from brokers.errors import ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.parts import QUEUE_COUNTERS, QUEUE_DETAILS, QUEUE_TOTALS, Parts
from brokers.polling import node_metrics
from brokers.polling.broker_overview import RARELY
from brokers.polling.node_metrics import LASTING, Seen, without_figures
from brokers.polling.poll_memory import DepthMemory, LastRead, PollMemory
from brokers.rates import STATISTICS_SECONDS
from brokers.stats import COUNTERS, NodeStats, Overview, QueueKey, QueueStats

FEW_QUEUES = 1000
MOST_VIEWED = 100
CHANGED_AT_ONCE, CHANGED_IN_POLLS = 1000, 20
"""So many queues get properties that changed at one poll, or a twentieth of all: storing 1,000 of them takes some 10 ms."""

_FIGURES = ("ready", "unacknowledged", "delayed", "consumers", "active_consumers", "memory_bytes", "message_bytes", "oldest_at", *COUNTERS)
STATISTICS_LAG = timedelta(seconds=1.5 * STATISTICS_SECONDS)
"""So much older than the totals may the columns be: each is as old as the last statistics of its queue."""
NO_LEADER, DOWN = "", "down"
HAVE_LEADERS = frozenset({"quorum", "stream"})


class Depths(msgspec.Struct):
    """`lists_all`: a visible queue that is not among these does not exist. `consumers_at`: so old may the numbers of consumers be, which come from another
    source than the depths; None: unknown."""

    queues: dict[QueueKey, QueueStats]
    source: str  # columns, totals, detailed
    reason: str = ""
    lists_all: bool = True
    consumers_at: datetime | None = None


def read(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, viewed: Iterable[QueueKey], now: datetime) -> Depths:
    """All visible queues, with the source and, where rates are missing, the reason. The request for the depths is the last one, so that nothing delays them.
    Updates the memory's `known`. Raises BrokerError if they cannot be read."""
    _take_properties(memory)
    found = _read(api, seen, memory, parts, viewed, now)
    memory.depths.source = found.source
    _check_replicas(found.queues, seen.nodes)
    return found


def _read(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, viewed: Iterable[QueueKey], now: datetime) -> Depths:
    depths = memory.depths
    count = seen.overview.object_totals.get("queues", len(depths.known))
    off = _statistics_off(seen.overview)
    if count <= FEW_QUEUES and seen.overview.rates_mode != "off":
        listed, lists_all = _columns_and_totals(api, depths, parts)
        if not off:
            for queue in listed.values():
                missing_counters_to_zero(queue)
        return Depths(listed, "columns", off, lists_all, now - STATISTICS_LAG)
    details = {} if off else _details(api, depths, parts, list(viewed)[:MOST_VIEWED])
    queues, refusal = node_metrics.read(api, seen, depths, now, partial(_totals, api, seen, memory, parts, now))
    source, lists_all = "detailed", True
    if queues is None:
        source = "totals"
        queues, lists_all = _totals(api, seen, memory, parts, now)
    consumers_at = memory.inventory.consumers_listed_at if source == "totals" else depths.consumers_read.at
    for key in details.keys() & queues.keys():
        queues[key] = _with_details(queues[key], details[key])
    rarely = f", and those of the broker every {RARELY.seconds} s" if depths.overview_read.sign is not None else ""
    why = off or f"with more than {FEW_QUEUES:,} queues rates are read only for queues on an open page{rarely}"
    if refusal:
        why += f"; {'consumers are counted every 30 s' if seen.overview.rates_mode != 'off' else 'consumers are unknown'}; {refusal}"
    if details and consumers_at is not None:
        consumers_at = min(consumers_at, now - STATISTICS_LAG)
    return Depths(queues, source, why, lists_all, consumers_at)


def _take_properties(memory: PollMemory) -> None:
    """Takes over what the inventory has read since of the queues that are known; of many that changed a part at each poll, so that no depth waits for them."""
    depths, inventory = memory.depths, memory.inventory
    if inventory.properties_at is not None and inventory.properties_at != depths.properties_at:
        depths.properties_at, depths.properties_left = inventory.properties_at, iter(inventory.properties.values())
    changed, most = {}, max(CHANGED_AT_ONCE, len(depths.known) // CHANGED_IN_POLLS)
    for read in depths.properties_left:
        known = depths.known.get(read.key)
        if known is not None and (found := _taken_over(read, known)) is not known:
            changed[read.key] = found
            if len(changed) == most:
                break
    if changed:
        depths.known = depths.known | changed


def _taken_over(read: QueueStats, known: QueueStats) -> QueueStats:
    """What is known of a queue once its properties were read; the very object that is known where nothing is new, so that storing it costs nothing."""
    found = _with_known_properties(copy.copy(read), known)
    return known if found == known else found


def _statistics_off(overview: Overview) -> str:
    if overview.rates_mode == "off":
        return "rates are unknown: the broker's management statistics are off (management.disable_stats or management_agent.disable_metrics_collector)"
    if overview.rates_mode == "none":
        return "rates are unknown: the broker keeps none (management.rates_mode = none)"
    return ""


def _columns_and_totals(api: ManagementApi, memory: DepthMemory, parts: Parts) -> tuple[dict[QueueKey, QueueStats], bool]:
    """The queues, and whether these are all. One of the two requests may fail: without the columns counters and consumers are unknown, without the
    totals depths are older."""
    columns = parts.fetch(QUEUE_COUNTERS, api.queues_columns, always=True)
    totals = parts.fetch(QUEUE_TOTALS, api.queues_totals, always=True)
    if totals is None:
        totals = columns if columns is not None else api.queues_totals()
    listed = {queue.key: queue for queue in columns or ()}
    queues = {}
    for total in totals:  # fresher
        column = listed.pop(total.key, None)
        queue = column or total
        queue.counted_together = column is not None and (column.ready, column.unacknowledged) == (total.ready, total.unacknowledged)
        queue.state = total.state if total.state == DOWN else queue.state or total.state
        if _is_unmeasured(total, column, memory.known.get(total.key)):
            _forget_figures(queue)
        elif total.ready is not None and total.unacknowledged is not None:
            queue.ready, queue.unacknowledged, queue.delayed = total.ready, total.unacknowledged, total.delayed
        if total.members is not None:
            queue.leader, queue.members, queue.online = total.leader, total.members, total.online
        queues[queue.key] = _with_known_properties(queue, memory.known.get(queue.key))
    left_out = _left_out(listed if columns is not None else memory.known, queues, memory)
    memory.left_out = frozenset(left_out)
    queues |= left_out
    _learn(memory, queues)
    return queues, columns is not None


def _is_unmeasured(total: QueueStats, column: QueueStats | None, known: QueueStats | None) -> bool:
    """True for zeros that the totals have of a quorum queue whose leader has measured nothing yet: just declared, elected or restarted. The columns have no
    figure of it then; where they were not read, another leader than the `known` one is the sign."""
    if total.type != "quorum" or total.ready != 0 or total.unacknowledged != 0:
        return False
    return column.ready is None if column is not None else known is None or known.leader != total.leader


def _forget_figures(queue: QueueStats) -> None:
    for name in _FIGURES:
        setattr(queue, name, None)


def _left_out(listed: Mapping[QueueKey, QueueStats], found: Mapping[QueueKey, QueueStats], memory: DepthMemory) -> dict[QueueKey, QueueStats]:
    """The listed queues that a source of depths left out, without figures: what the statistics still have of them is as old as their leader's end.
    Left out once, a queue may also have been declared or deleted between the two requests."""
    left_out = {key: copy.copy(listed[key]) for key in listed.keys() - found.keys()}
    for queue in left_out.values():
        _forget_figures(queue)
        queue.leader = NO_LEADER if queue.type in HAVE_LEADERS and queue.key in memory.left_out else None
    return left_out


def _totals(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, now: datetime) -> tuple[dict[QueueKey, QueueStats], bool]:
    """The queues, and whether these are all. What is left out is looked up in the columns, as often as their cost permits."""
    depths, began = memory.depths, api.busy_seconds
    queues = {queue.key: queue for queue in api.queues_totals()}
    depths.totals_read = LastRead(now, api.busy_seconds - began)
    lists_all = sum(queue.state != DOWN for queue in queues.values()) == seen.overview.object_totals.get("queues")  # which leaves out those on lost nodes
    doubtful = not lists_all and (not depths.known or bool(depths.known.keys() - queues.keys())) and depths.columns_read.is_affordable(now)
    known, listed = depths.known, {}
    left_out = {} if lists_all else _left_out(known, queues, depths)
    if doubtful:
        began = api.busy_seconds
        columns = parts.fetch(QUEUE_COUNTERS, api.queues_columns)
        if columns is not None:
            listed, lists_all = {queue.key: queue for queue in columns}, True
            left_out = _left_out(listed, queues, depths)
            _learn(depths, listed)
            depths.columns_read = LastRead(now, api.busy_seconds - began)
    for key, queue in queues.items():
        if _is_unmeasured(queue, listed.get(key), known.get(key)):
            _forget_figures(queue)
    queues = {key: _with_known_properties(queue, depths.known.get(key)) for key, queue in queues.items()} | left_out
    depths.left_out = frozenset(left_out)
    _learn(depths, queues)
    for key, queue in queues.items():
        queue.consumers = None if key in left_out else memory.inventory.consumers_listed.get(key)
    return queues, lists_all


def _check_replicas(queues: dict[QueueKey, QueueStats], nodes: Sequence[NodeStats] | None) -> None:
    """Leaves only those members online whose node runs. The statistics are the leader's: after its end they stay as it last sent them."""
    running = frozenset(node.name for node in nodes or () if node.running)
    if nodes is None or len(running) == len(nodes):
        return
    for key, queue in queues.items():
        if queue.members is not None:
            changed = queues[key] = copy.copy(queue)
            changed.online = [member for member in (queue.members if queue.online is None else queue.online) if member in running]
            if queue.leader and queue.leader not in running:
                changed.leader = None  # another may have been elected since


def _with_known_properties(queue: QueueStats, known: QueueStats | None) -> QueueStats:
    """The same queue, with missing lasting properties filled in from what is known."""
    if known is not None:
        for name in LASTING:
            if getattr(queue, name) is None or (getattr(queue, name) == "" and name != "leader"):
                setattr(queue, name, getattr(known, name))
    return queue


def _learn(memory: DepthMemory, queues: dict[QueueKey, QueueStats]) -> None:
    was, known = memory.known, {key: without_figures(queue) for key, queue in queues.items()}
    memory.known = {key: same if (same := was.get(key)) == queue else queue for key, queue in known.items()}


def _details(api: ManagementApi, memory: DepthMemory, parts: Parts, viewed: Sequence[QueueKey]) -> dict[QueueKey, QueueStats]:
    """Counters, consumers and sizes of queues on open pages, requested queue by queue."""
    found = {}

    def read() -> bool:
        for key in viewed:
            if key in memory.known or not memory.known:
                with contextlib.suppress(ObjectNotFound):  # deleted meanwhile
                    found[key] = api.queue(*key)
        return True

    if viewed:
        parts.fetch(QUEUE_DETAILS, read)
    else:
        parts.not_requested(QUEUE_DETAILS)
    return found


def _with_details(queue: QueueStats, details: QueueStats) -> QueueStats:
    """Depths stay those of the common source, which is fresher."""
    queue = copy.copy(queue)
    for name in (*COUNTERS, "memory_bytes", "message_bytes", "oldest_at"):
        setattr(queue, name, getattr(details, name))
    missing_counters_to_zero(queue)
    if details.consumers is not None:
        queue.consumers, queue.active_consumers = details.consumers, details.active_consumers
    return queue


def missing_counters_to_zero(queue: QueueStats) -> None:
    """Sets missing counters to zero where other statistics (such as memory) exist: the broker omits a counter until it first rises."""
    if queue.memory_bytes is not None:
        for name in COUNTERS:
            if getattr(queue, name) is None:
                setattr(queue, name, 0)
