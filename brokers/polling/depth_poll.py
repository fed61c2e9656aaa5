"""A poll of the depths of a broker: overview, nodes, virtual hosts, exchanges while they are few, and last the queues (`brokers.polling.depth_sources`).

Everything else is read by `brokers.polling.inventory`, in a thread and an HTTP session of its own, so that it delays no depth.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import compress
from operator import is_not

import msgspec

from brokers import parts as parts_of_polls
from brokers.errors import BrokerError, BrokerRefused
from brokers.management.management_api import ManagementApi
from brokers.parts import Parts
from brokers.polling import broker_overview, depth_sources, hidden_vhosts, node_clocks
from brokers.polling.broker_totals import count_messages, missing_counters_to_zero
from brokers.polling.depth_sources import Depths
from brokers.polling.limits import all_limits
from brokers.polling.node_metrics import Seen
from brokers.polling.poll_memory import DepthMemory, PollMemory, ReadExchanges
from brokers.stats import BrokerStats, NodeStats, Overview, QueueKey, QueueStats, VhostStats

FRESH = timedelta(seconds=15)
"""How old the statistics of nodes may be for their counts to be a sign of change."""
FIGURES = ("ready", "unacknowledged", "published", "delivered", "acknowledged", "unroutable")  # of the overview


def poll_depths(api: ManagementApi, now: datetime, memory: PollMemory, viewed_queues: Iterable[QueueKey] = ()) -> BrokerStats:
    """Polls the broker. Raises brokers.errors.BrokerError if it answers neither the overview nor the list of virtual hosts. Any other part that
    cannot be read is named in `failed`, and its stored rows are kept."""
    began, busy = time.monotonic(), api.busy_seconds
    kept = memory.depths
    parts = Parts(kept.failures, now, read_at=kept.read_at)
    overview, listed = _overview_and_vhosts(api, memory, parts, now)
    nodes = _nodes(api, kept, parts)
    node_clocks.add(nodes or (), overview, memory.inventory.clocks, now)
    if listed is not None and kept.nodes_refused:  # a user without the tag monitoring, for whom they are not all listed
        listed += [VhostStats(name) for name in hidden_vhosts.hidden(api, kept, [vhost.name for vhost in listed], now)]
    vhosts = kept.vhosts = {vhost.name: vhost.tracing for vhost in listed} if listed is not None else kept.vhosts
    known = memory.exchanges
    if known is None or kept.queue_keys is None or memory.few_exchanges or (listed is not None and known.vhosts != vhosts.keys()):
        _read_exchanges(api, memory, parts, now)
    with_queues = frozenset(vhost for vhost, _ in kept.queue_keys or ())
    visible = memory.visible_vhosts
    listed_consumers = (memory.inventory.consumers_changes, memory.consumers_every)
    seen = Seen(overview, kept.nodes, vhosts.keys() if visible is None else visible, *listed_consumers)
    read = parts.fetch(parts_of_polls.QUEUES, partial(depth_sources.read, api, seen, memory, parts, viewed_queues, now), always=True)
    depths = read or Depths({}, "")
    lost = with_queues & vhosts.keys() - {vhost for vhost, _ in depths.queues}
    known = memory.exchanges
    if read and lost and known is not None and known.at < now:  # deleted, or no longer visible?
        depths.lists_all = _read_exchanges(api, memory, parts, now) and depths.lists_all
    visible = memory.visible_vhosts
    if visible is None:  # a virtual host with a listed queue is visible; the others are unknown until exchanges are listed
        visible = frozenset(vhost for vhost, _ in depths.queues)
    vhosts = vhosts if listed is not None else {**dict.fromkeys(visible), **vhosts}
    if read:
        count_messages(overview, memory.waiting.count(depths.queues.values()), sees_all=not vhosts.keys() - visible and kept.nodes is not None)
        _note_changes(kept, depths.queues, overview, [] if parts.is_failing(parts_of_polls.NODES) else kept.nodes or [], now)
        _note_active_consumers(memory, depths.queues)
    exchanges = _new_rates(memory)
    if overview.rates_mode in ("basic", "detailed") and not parts.is_failing(parts_of_polls.OVERVIEW):
        missing_counters_to_zero(overview, exchanges.listed if exchanges else [], bool(visible), [vhost for vhost in listed or () if vhost.name in visible])
    kept.unread = parts.unread
    return BrokerStats(
        at=now,
        took_ms=(time.monotonic() - began) * 1000,
        busy_seconds=api.busy_seconds - busy,
        overview=overview,
        overview_at=kept.overview_read.at,
        nodes=nodes or [],
        vhosts=vhosts,
        visible_vhosts=visible & vhosts.keys(),
        queues=depths.queues,
        depth_source=depths.source,
        depth_source_reason=depths.reason,
        exchanges=[exchange.stats for exchange in exchanges.listed] if exchanges else [],
        exchanges_at=exchanges.at if exchanges else None,
        vhost_counters={vhost.name: vhost for vhost in listed or ()},
        lists_all=depths.lists_all,
        consumers_at=depths.consumers_at,
        visibility_limits=all_limits(memory, api.address.user),
        inventory_known=memory.inventory.unread is not None,
        failed=frozenset(memory.unread),
    )


def _overview_and_vhosts(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> tuple[Overview, list[VhostStats] | None]:
    """The overview, without its figures if it cannot be read; and the virtual hosts, None if they cannot. Raises the overview's error if neither can."""
    failures: list[BrokerError] = []

    def overview() -> Overview:
        try:
            return broker_overview.read(api, memory, now)
        except BrokerError as error:
            failures.append(error)
            raise

    found = parts.fetch(parts_of_polls.OVERVIEW, overview, always=True)
    listed = parts.fetch(parts_of_polls.VHOSTS, api.vhosts, always=found is None)
    if found is None and listed is None:
        if failures:
            raise failures[0]
        found = broker_overview.read(api, memory, now)  # it was not tried, as it lately took long to fail
        parts.not_requested(parts_of_polls.OVERVIEW)
    if found is not None:
        return msgspec.structs.replace(found), listed
    known = memory.depths.overview or Overview("", "", "", "", "", {})
    return msgspec.structs.replace(known, churn={}, clock_seconds=None, **dict.fromkeys(FIGURES)), listed


def _nodes(api: ManagementApi, memory: DepthMemory, parts: Parts) -> list[NodeStats] | None:
    """The nodes; [] if Hareline's user may not list them, None if they cannot be read now."""

    def unless_refused() -> list[NodeStats]:
        try:
            return api.nodes()
        except BrokerRefused:
            return []

    nodes = parts.fetch(parts_of_polls.NODES, unless_refused)
    memory.nodes_refused = nodes == []
    if nodes is not None:
        memory.nodes = nodes or None
    return nodes


def _read_exchanges(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> bool:
    """True if the exchanges were read."""
    listed = parts.fetch(parts_of_polls.EXCHANGES, api.exchanges)
    if listed is not None:
        memory.depths.exchanges = ReadExchanges(now, listed, frozenset(memory.depths.vhosts))
    return listed is not None


def _new_rates(memory: PollMemory) -> ReadExchanges | None:
    """The exchanges as last read, if their counters were not passed on yet."""
    exchanges = memory.exchanges
    if exchanges is None or exchanges.at == memory.depths.rates_at:
        return None
    memory.depths.rates_at = exchanges.at
    return exchanges


def _note_changes(memory: DepthMemory, queues: Mapping[QueueKey, QueueStats], overview: Overview, nodes: Iterable[NodeStats], now: datetime) -> None:
    """Notes the signs of change by which the inventory is read sooner: queues that were added or deleted, their consumers, what the broker counts of
    objects, and of transactions on definitions."""
    was, now_listed, totals = memory.listed, list(queues.values()), overview.object_totals
    others = list(compress(zip(was, now_listed, strict=False), map(is_not, was, now_listed)))
    if memory.queue_keys is not None and len(was) == len(now_listed) and all(one.key == other.key for one, other in others):
        keys, same_consumers = memory.queue_keys, all(one.consumers == other.consumers for one, other in others)
    else:  # other queues, or another order
        listed = frozenset(queues)
        keys = memory.queue_keys if memory.queue_keys == listed else listed
        same_consumers = {queue.key: queue.consumers for queue in was} == {queue.key: queue.consumers for queue in now_listed}
    definitions_changed = keys is not memory.queue_keys or totals.get("exchanges") != memory.object_totals.get("exchanges")
    if definitions_changed or not same_consumers or totals != memory.object_totals:
        memory.changes += 1
    if definitions_changed:
        memory.definitions_changed += 1
    memory.queue_keys, memory.listed, memory.object_totals = keys, now_listed, totals
    running = [node for node in nodes if node.running]
    transactions, uptimes = tuple(node.transactions for node in running), tuple(node.uptime_ms for node in running)
    if uptimes != memory.uptimes:
        memory.uptimes, memory.uptimes_at = uptimes, now
    is_fresh = memory.uptimes_at is not None and timedelta(0) <= now - memory.uptimes_at <= FRESH
    memory.definitions_are_counted = is_fresh and None not in (*transactions, *uptimes) and any(transactions)
    memory.definitions_sign = (memory.definitions_changed, transactions)


def _note_active_consumers(memory: PollMemory, queues: dict[QueueKey, QueueStats]) -> None:
    """Adds how many consumers are active where the queue does not report it, while the list of consumers has as many as the queue counts."""
    listed, active = memory.inventory.consumers_listed, memory.inventory.active_listed
    before, completed = memory.depths.completed, {}
    for key, queue in queues.items():
        if queue.consumers and queue.active_consumers is None and listed.get(key) == queue.consumers:
            count, (was, found) = active.get(key, queue.consumers), before.get(key, (None, queue))
            if was is not queue or found.active_consumers != count:
                found = copy.copy(queue)
                found.active_consumers = count
            completed[key] = (queue, found)
    memory.depths.completed = completed
    queues.update((key, found) for key, (_, found) in completed.items())
