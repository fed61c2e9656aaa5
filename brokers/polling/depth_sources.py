"""Where the depths of all queues come from: the cheapest source of the broker that tells the truth.

Up to 1,000 queues the management API's columns (counters, consumers) with its totals (fresher depths). Above, a list with counters costs the
broker seconds of CPU, so: the Prometheus plugin of every running node, accepted only if its queues are as many as the broker says there are
(each node tells only its own), else the totals. What these don't tell (type, arguments, policy) is remembered from rarer questions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from brokers.addresses import variable_suffix
from brokers.errors import BrokerError, BrokerUnreachable
from brokers.management.management_api import ManagementApi
from brokers.management.parse import Depth
from brokers.parts import QUEUE_COUNTERS, QUEUE_TOTALS, Parts
from brokers.polling.poll_memory import Asked, PollMemory
from brokers.stats import NodeStats, Overview, QueueKey, QueueStats

FEW_QUEUES = 1000
POLICIES_EVERY = timedelta(minutes=10)  # the whole list with columns: 2.7 s of broker CPU for 10,000 queues
DETAILED_AGAIN_AFTER = timedelta(minutes=1)
MISMATCHES_BORNE = 3
MOST_LOOKED_AT = 100

_LASTING = ("type", "state", "durable", "auto_delete", "exclusive", "arguments", "policy", "operator_policy", "effective_policy", "node")


class Depths(msgspec.Struct):
    queues: dict[QueueKey, QueueStats]
    source: str  # columns, totals, detailed
    reason: str = ""


class Seen(msgspec.Struct):
    """What is known already. `nodes` is None where our user may not ask for them."""

    overview: Overview
    nodes: list[NodeStats] | None
    visible_vhosts: AbstractSet[str]


def read(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, looked_at: Iterable[QueueKey], now: datetime) -> Depths:
    """All queues that our user may see, with the source and, where rates are missing, why. Updates the memory's `known`."""
    count = seen.overview.object_totals.get("queues", len(memory.known))
    off = _statistics_off(seen.overview)
    if count <= FEW_QUEUES and seen.overview.rates_mode != "off":
        listed = _columns_and_totals(api, memory, parts, now)
        if not off:
            for queue in listed.values():
                count_nothing_as_zero(queue)
        return Depths(listed, "columns", off)
    queues, refusal = _detailed(api, seen, memory, parts, now)
    source = "detailed" if queues is not None else "totals"
    if queues is None:
        queues = _totals(api, memory, parts, now)
    if not off:
        for key in list(looked_at)[:MOST_LOOKED_AT]:
            if key in queues and not _look_closer(api, queues[key]):
                break
    why = off or f"with more than {FEW_QUEUES:,} queues rates are read only for queues that somebody looks at"
    if refusal:
        why += f"; {'consumers are counted every 30 s' if seen.overview.rates_mode != 'off' else 'consumers are unknown'}; {refusal}"
    return Depths(queues, source, why)


def _statistics_off(overview: Overview) -> str:
    if overview.rates_mode == "off":
        return "rates are unknown: the broker's management statistics are off (disable_metrics_collector)"
    if overview.rates_mode == "none":
        return "rates are unknown: the broker keeps none (management.rates_mode = none)"
    return ""


def _columns_and_totals(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> dict[QueueKey, QueueStats]:
    """Of the two questions one may fail: without the columns counters and consumers are unknown, without the totals depths are older."""
    columns = parts.ask(QUEUE_COUNTERS, api.queues_columns, always=True)
    totals = parts.ask(QUEUE_TOTALS, api.queues_totals, always=True)
    if totals is None:
        totals = columns if columns is not None else api.queues_totals()
    listed = {queue.key: queue for queue in columns or ()}
    queues = {}
    for total in totals:  # fresher: a queue that it does not list is gone
        queue = listed.get(total.key) or total
        if total.ready is not None and total.unacknowledged is not None:
            queue.ready, queue.unacknowledged = total.ready, total.unacknowledged
        queues[queue.key] = _remembering(queue, memory.known.get(queue.key))
    _learn(memory, queues, now)
    memory.policies_at = now if columns is not None else memory.policies_at
    return queues


def _totals(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> dict[QueueKey, QueueStats]:
    if memory.policies_at is None or now - memory.policies_at >= POLICIES_EVERY:
        columns = parts.ask(QUEUE_COUNTERS, api.queues_columns)
        if columns is not None:
            _learn(memory, {queue.key: queue for queue in columns}, now)
            memory.policies_at = now
    queues = {queue.key: _remembering(queue, memory.known.get(queue.key)) for queue in api.queues_totals()}
    _learn(memory, queues, now)
    for key, queue in queues.items():
        queue.consumers = memory.consumers_listed.get(key)
    return queues


def _with_depths(known: dict[QueueKey, QueueStats], depths: dict[QueueKey, Depth]) -> dict[QueueKey, QueueStats]:
    queues = {}
    for key, (ready, unacknowledged, consumers) in depths.items():
        queue = queues[key] = copy.copy(known[key])
        queue.ready, queue.unacknowledged, queue.consumers = ready, unacknowledged, consumers
    return queues


def _remembering(queue: QueueStats, known: QueueStats | None) -> QueueStats:
    """The same queue, what it lacks of its lasting properties taken from what is known of it."""
    if known is not None:
        for name in _LASTING:
            if getattr(queue, name) in (None, ""):
                setattr(queue, name, getattr(known, name))
    return queue


def _learn(memory: PollMemory, queues: dict[QueueKey, QueueStats], now: datetime) -> None:
    memory.known = {key: QueueStats(*key, *(getattr(queue, name) for name in _LASTING)) for key, queue in queues.items()}
    memory.learned = Asked(now)


def _look_closer(api: ManagementApi, queue: QueueStats) -> bool:
    """Adds the counters, consumers and sizes of a single queue; its depth stays that of the common source, which is fresher. False if there was
    no answer, for which the next queue would wait just as long."""
    try:
        closer = api.queue(queue.vhost, queue.name)
    except BrokerUnreachable:
        return False
    except BrokerError:  # gone in between; a detail costs no poll
        return True
    for name in ("published", "delivered", "acknowledged", "redelivered", "memory_bytes", "message_bytes", "oldest_at"):
        setattr(queue, name, getattr(closer, name))
    count_nothing_as_zero(queue)
    queue.consumers = closer.consumers if closer.consumers is not None else queue.consumers
    return True


def count_nothing_as_zero(queue: QueueStats) -> None:
    """The broker writes a counter once it first rose: one that lacks beside other statistics (the memory, say) stands at zero."""
    if queue.memory_bytes is not None:
        for name in ("published", "delivered", "acknowledged", "redelivered"):
            if getattr(queue, name) is None:
                setattr(queue, name, 0)


def _detailed(api: ManagementApi, seen: Seen, memory: PollMemory, parts: Parts, now: datetime) -> tuple[dict[QueueKey, QueueStats] | None, str]:
    """The visible queues by the Prometheus plugin of all running nodes; or None and why not."""
    if memory.detailed_not_before is not None and now < memory.detailed_not_before:
        return None, memory.detailed_reason
    urls = metrics_urls(api, seen)
    if not urls:
        return None, _put_off(memory, now, "the broker has no Prometheus plugin that we know the port of")
    found: dict[QueueKey, Depth] = {}
    try:
        for url in urls:
            found |= api.depths_of_node(url)
    except BrokerError as error:
        variable = f"HARELINE_BROKER_METRICS_{variable_suffix(api.address.name)}"
        return None, _put_off(memory, now, f"the Prometheus plugin can't be read: {error}; {variable} may name its addresses")
    visible = {key: depth for key, depth in found.items() if key[0] in seen.visible_vhosts}
    # With the monitoring tag the broker's total is that of all virtual hosts, as the plugin's is; without it, of ours
    told, expected = len(visible if seen.nodes is None else found), seen.overview.object_totals.get("queues")
    if told != expected:
        return None, _mismatch(memory, now, f"the nodes' Prometheus plugins list {told:,} queues of {expected or 0:,}")
    if visible.keys() != memory.known.keys() or memory.learned.due(now):
        _totals(api, memory, parts, now)
    if visible.keys() != memory.known.keys():
        return None, _mismatch(memory, now, "the nodes' Prometheus plugins list other queues than the management API")
    memory.detailed_mismatches = 0
    return _with_depths(memory.known, visible), ""


def _mismatch(memory: PollMemory, now: datetime, reason: str) -> str:
    """It may be a queue that was just declared; if it lasts, the plugin is left alone for a while."""
    memory.detailed_mismatches += 1
    return _put_off(memory, now, reason) if memory.detailed_mismatches >= MISMATCHES_BORNE else reason


def _put_off(memory: PollMemory, now: datetime, reason: str) -> str:
    memory.detailed_not_before, memory.detailed_reason = now + DETAILED_AGAIN_AFTER, reason
    return reason


def metrics_urls(api: ManagementApi, seen: Seen) -> list[str]:
    """The Prometheus plugin of each running node: as configured, else each node's host at the port of the overview. [] if not known."""
    if api.address.metrics_urls:
        return list(api.address.metrics_urls)
    port, running = seen.overview.metrics_port, [node.name for node in seen.nodes or [] if node.running]
    if port is None or not running:
        return []
    if len(running) == 1:  # its own name need not be one that we can reach
        hosts = [urlsplit(api.current_url()).hostname or "localhost"]
    else:
        hosts = [name.partition("@")[2] for name in running]
    return [f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}" for host in hosts]
