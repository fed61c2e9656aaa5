"""The depths of all queues, from the cheapest accurate source of the broker.

Up to 1,000 queues the management API's columns (counters, consumers) with its totals (fresher depths). Above, a list with counters costs the
broker seconds of CPU, so: the Prometheus plugin of every running node, accepted only if it lists as many queues as the
broker counts (each node lists only its own), or else the totals. What these omit (type, arguments, policy) is kept from rarer requests.

The totals and the plugin leave out a quorum queue without a leader; the columns list it. So an absence proves a deletion only where the columns were
read too, or the broker counts as many queues as are listed (`Depths.lists_all`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import msgspec

from brokers.addresses import variable_suffix
from brokers.errors import BrokerError, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.management.parse import Depth
from brokers.parts import QUEUE_COUNTERS, QUEUE_DETAILS, QUEUE_TOTALS, Parts
from brokers.polling.poll_memory import LastRead, PollMemory
from brokers.stats import COUNTERS, NodeStats, Overview, QueueKey, QueueStats

FEW_QUEUES = 1000
POLICIES_EVERY = timedelta(minutes=10)  # the whole list with columns: 2.7 s of broker CPU for 10,000 queues
DETAILED_RETRY_AFTER = timedelta(minutes=1)
MISMATCHES_TOLERATED = 3
MOST_VIEWED = 100

_LASTING = (
    "type", "state", "durable", "auto_delete", "exclusive", "arguments", "policy", "operator_policy", "effective_policy", "node", "leader", "members", "online",
)  # fmt: skip
_FIGURES = ("ready", "unacknowledged", "delayed", "consumers", "memory_bytes", "message_bytes", "oldest_at", *COUNTERS)
NO_LEADER, DOWN = "", "down"
HAVE_LEADERS = frozenset({"quorum", "stream"})


class Depths(msgspec.Struct):
    """`lists_all`: a visible queue that is not among these does not exist."""

    queues: dict[QueueKey, QueueStats]
    source: str  # columns, totals, detailed
    reason: str = ""
    lists_all: bool = True


class Seen(msgspec.Struct):
    """What this poll knows already. `nodes` is None if Hareline's user may not list them."""

    overview: Overview
    nodes: list[NodeStats] | None
    visible_vhosts: AbstractSet[str]


def read(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, viewed: Iterable[QueueKey], now: datetime) -> Depths:
    """All visible queues, with the source and, where rates are missing, the reason. Updates the memory's `known`. Raises BrokerError if they cannot be read."""
    found = _read(api, seen, memory, parts, viewed, now)
    _check_replicas(found.queues.values(), seen.nodes)
    return found


def _read(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, viewed: Iterable[QueueKey], now: datetime) -> Depths:
    count = seen.overview.object_totals.get("queues", len(memory.known))
    off = _statistics_off(seen.overview)
    if count <= FEW_QUEUES and seen.overview.rates_mode != "off":
        listed, lists_all = _columns_and_totals(api, memory, parts, now)
        if not off:
            for queue in listed.values():
                missing_counters_to_zero(queue)
        return Depths(listed, "columns", off, lists_all)
    queues, refusal = _detailed(api, seen, memory, parts, now)
    source, lists_all = "detailed", True
    if queues is None:
        source = "totals"
        queues, lists_all = _totals(api, seen, memory, parts, now)
    shown = [queues[key] for key in list(viewed)[:MOST_VIEWED] if key in queues and not off]
    if shown:
        parts.fetch(QUEUE_DETAILS, partial(_add_details, api, shown))
    else:
        parts.not_requested(QUEUE_DETAILS)
    why = off or f"with more than {FEW_QUEUES:,} queues rates are read only for queues on an open page"
    if refusal:
        why += f"; {'consumers are counted every 30 s' if seen.overview.rates_mode != 'off' else 'consumers are unknown'}; {refusal}"
    return Depths(queues, source, why, lists_all)


def _statistics_off(overview: Overview) -> str:
    if overview.rates_mode == "off":
        return "rates are unknown: the broker's management statistics are off (management.disable_stats or management_agent.disable_metrics_collector)"
    if overview.rates_mode == "none":
        return "rates are unknown: the broker keeps none (management.rates_mode = none)"
    return ""


def _columns_and_totals(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> tuple[dict[QueueKey, QueueStats], bool]:
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
    _learn(memory, queues, now)
    memory.policies_at = now if columns is not None else memory.policies_at
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


def _left_out(listed: Mapping[QueueKey, QueueStats], found: Mapping[QueueKey, QueueStats], memory: PollMemory) -> dict[QueueKey, QueueStats]:
    """The listed queues that a source of depths left out, without figures: what the statistics still have of them is as old as their leader's end.
    Left out once, a queue may also have been declared or deleted between the two requests."""
    left_out = {key: copy.copy(listed[key]) for key in listed.keys() - found.keys()}
    for queue in left_out.values():
        _forget_figures(queue)
        queue.leader = NO_LEADER if queue.type in HAVE_LEADERS and queue.key in memory.left_out else None
    return left_out


def _totals(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, now: datetime) -> tuple[dict[QueueKey, QueueStats], bool]:
    """The queues, and whether these are all. What is left out is looked up in the columns, as often as their cost permits."""
    queues = {queue.key: queue for queue in api.queues_totals()}
    lists_all = sum(queue.state != DOWN for queue in queues.values()) == seen.overview.object_totals.get("queues")  # which leaves out those on lost nodes
    doubtful = not lists_all and bool(memory.known.keys() - queues.keys()) and memory.columns_read.due(now, changed=True)
    known, listed = memory.known, {}
    left_out = {} if lists_all else _left_out(known, queues, memory)
    if doubtful or memory.policies_at is None or now - memory.policies_at >= POLICIES_EVERY:
        began = api.busy_seconds
        columns = parts.fetch(QUEUE_COUNTERS, api.queues_columns)
        if columns is not None:
            listed, lists_all = {queue.key: queue for queue in columns}, True
            left_out = _left_out(listed, queues, memory)
            _learn(memory, listed, now)
            memory.policies_at, memory.columns_read = now, LastRead(now, api.busy_seconds - began)
    for key, queue in queues.items():
        if _is_unmeasured(queue, listed.get(key), known.get(key)):
            _forget_figures(queue)
    queues = {key: _with_known_properties(queue, memory.known.get(key)) for key, queue in queues.items()} | left_out
    memory.left_out = frozenset(left_out)
    _learn(memory, queues, now)
    for key, queue in queues.items():
        queue.consumers = None if key in left_out else memory.consumers_listed.get(key)
    return queues, lists_all


def _check_replicas(queues: Iterable[QueueStats], nodes: Sequence[NodeStats] | None) -> None:
    """Leaves only those members online whose node runs. The statistics are the leader's: after its end they stay as it last sent them."""
    running = frozenset(node.name for node in nodes or () if node.running)
    if nodes is None or len(running) == len(nodes):
        return
    for queue in queues:
        if queue.members is not None:
            queue.online = [member for member in (queue.members if queue.online is None else queue.online) if member in running]
            if queue.leader and queue.leader not in running:
                queue.leader = None  # another may have been elected since


def _with_depths(known: dict[QueueKey, QueueStats], depths: dict[QueueKey, Depth]) -> dict[QueueKey, QueueStats]:
    queues = {}
    for key, (ready, unacknowledged, consumers) in depths.items():
        queue = queues[key] = copy.copy(known[key])
        queue.ready, queue.unacknowledged, queue.consumers = ready, unacknowledged, consumers
    return queues


def _with_known_properties(queue: QueueStats, known: QueueStats | None) -> QueueStats:
    """The same queue, with missing lasting properties filled in from what is known."""
    if known is not None:
        for name in _LASTING:
            if getattr(queue, name) is None or (getattr(queue, name) == "" and name != "leader"):
                setattr(queue, name, getattr(known, name))
    return queue


def _learn(memory: PollMemory, queues: dict[QueueKey, QueueStats], now: datetime) -> None:
    memory.known = {key: QueueStats(*key, *(getattr(queue, name) for name in _LASTING)) for key, queue in queues.items()}
    memory.learned = LastRead(now)


def _add_details(api: ManagementApi, queues: Iterable[QueueStats]) -> bool:
    """Adds counters, consumers and sizes, requested queue by queue; depths stay those of the common source, which is fresher."""
    for queue in queues:
        try:
            details = api.queue(queue.vhost, queue.name)
        except ObjectNotFound:  # deleted meanwhile
            continue
        for name in (*COUNTERS, "memory_bytes", "message_bytes", "oldest_at"):
            setattr(queue, name, getattr(details, name))
        missing_counters_to_zero(queue)
        queue.consumers = details.consumers if details.consumers is not None else queue.consumers
    return True


def missing_counters_to_zero(queue: QueueStats) -> None:
    """Sets missing counters to zero where other statistics (such as memory) exist: the broker omits a counter until it first rises."""
    if queue.memory_bytes is not None:
        for name in COUNTERS:
            if getattr(queue, name) is None:
                setattr(queue, name, 0)


def _detailed(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, now: datetime) -> tuple[dict[QueueKey, QueueStats] | None, str]:
    """The visible queues from the Prometheus plugin of all running nodes; or None and the reason."""
    if memory.detailed_not_before is not None and now < memory.detailed_not_before:
        return None, memory.detailed_reason
    urls = metrics_urls(api, seen)
    if not urls:
        return None, _postpone(memory, now, "the port of the broker's Prometheus plugin is unknown")
    found: dict[QueueKey, Depth] = {}
    try:
        for url in urls:
            found |= api.depths_of_node(url)
    except BrokerError as error:
        variable = f"HARELINE_BROKER_METRICS_{variable_suffix(api.address.name)}"
        return None, _postpone(memory, now, f"the Prometheus plugin can't be read: {error}; {variable} may name its addresses")
    visible = {key: depth for key, depth in found.items() if key[0] in seen.visible_vhosts}
    # With the monitoring tag the broker's total covers all virtual hosts, as the plugin's does; without it, only visible ones
    listed, expected = len(visible if seen.nodes is None else found), seen.overview.object_totals.get("queues")
    if listed != expected:
        return None, _mismatch(memory, now, f"the nodes' Prometheus plugins list {listed:,} queues of {expected or 0:,}")
    if visible.keys() != memory.known.keys() or memory.learned.due(now):
        _totals(api, seen, memory, parts, now)
    if visible.keys() != memory.known.keys():
        return None, _mismatch(memory, now, "the nodes' Prometheus plugins list other queues than the management API")
    memory.detailed_mismatches = 0
    return _with_depths(memory.known, visible), ""


def _mismatch(memory: PollMemory, now: datetime, reason: str) -> str:
    """The reason. A queue may just have been declared; if the mismatch lasts, the plugin is not used for a while."""
    memory.detailed_mismatches += 1
    return _postpone(memory, now, reason) if memory.detailed_mismatches >= MISMATCHES_TOLERATED else reason


def _postpone(memory: PollMemory, now: datetime, reason: str) -> str:
    memory.detailed_not_before, memory.detailed_reason = now + DETAILED_RETRY_AFTER, reason
    return reason


def metrics_urls(api: ManagementApi, seen: Seen) -> list[str]:
    """The Prometheus plugin of each running node: as configured, else each node's host at the port of the overview. [] if unknown."""
    if api.address.metrics_urls:
        return list(api.address.metrics_urls)
    port, running = seen.overview.metrics_port, [node.name for node in seen.nodes or [] if node.running]
    if port is None or not running:
        return []
    if len(running) == 1:  # its node name may not be reachable
        hosts = [urlsplit(api.current_url()).hostname or "localhost"]
    else:
        hosts = [name.partition("@")[2] for name in running]
    return [f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}" for host in hosts]
