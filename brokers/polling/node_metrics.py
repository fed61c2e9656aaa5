"""The depths of all queues from the Prometheus plugins of the running nodes: fifty times cheaper for the broker than its list of queues.

Accepted only if they list as many queues as the broker counts, since each node lists only its own. Depths are read at every poll; consumers, which cost
the broker twice as much again, when a total of the broker or the list of consumers changes, and every 30 s where that list is not read as often.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from brokers.addresses import variable_suffix
from brokers.errors import BrokerError, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.management.parse import Depth, DepthsReader
from brokers.polling.poll_memory import EVERY, DepthMemory, LastRead
from brokers.stats import NodeStats, Overview, QueueKey, QueueStats

RETRY_AFTER = timedelta(minutes=1)
MISMATCHES_TOLERATED = 3
FEW_NEW = 20
"""So many new queues are looked up one by one; more by a list of all, which costs the broker half a second for 10,000."""


class Seen(msgspec.Struct):
    """What this poll knows already. `nodes` is None if Hareline's user may not list them."""

    overview: Overview
    nodes: list[NodeStats] | None
    visible_vhosts: AbstractSet[str]
    consumers_sign: int = 0  # that the list of consumers has other numbers
    consumers_every: timedelta = EVERY  # how often they are counted without a sign


def read(api: ManagementApi, seen: Seen, memory: DepthMemory, now: datetime, learn_all: Callable[[], object]) -> tuple[dict[QueueKey, QueueStats] | None, str]:
    """The visible queues; or None and the reason. `learn_all` makes `memory.known` have the properties of all queues."""
    if memory.detailed_not_before is not None and now < memory.detailed_not_before:
        return None, memory.detailed_reason
    urls = metrics_urls(api, seen)
    if not urls:
        return None, _postpone(memory, now, "the port of the broker's Prometheus plugin is unknown")
    totals = seen.overview.object_totals
    sign = (seen.consumers_sign, *(totals.get(name) for name in ("queues", "consumers", "channels", "connections")))
    with_consumers = memory.consumers_read.due(now, sign, seen.consumers_every)
    try:
        found, changed = _read_nodes(api, urls, memory, with_consumers)
    except BrokerError as error:
        variable = f"HARELINE_BROKER_METRICS_{variable_suffix(api.address.name)}"
        return None, _postpone(memory, now, f"the Prometheus plugin can't be read: {error}; {variable} may name its addresses")
    if with_consumers:
        memory.consumers_read = LastRead(now, sign=sign)
    same = changed is not None and found is memory.accepted and memory.queues_known is memory.known and seen.visible_vhosts == memory.accepted_vhosts
    if same and totals.get("queues") == len(memory.queues):  # as in the poll before: only figures are others
        memory.detailed_mismatches = 0
        return _with_depths(memory, found, changed, same=True), ""
    everything = seen.visible_vhosts >= {vhost for vhost, _ in found}
    visible = found if everything else {key: depth for key, depth in found.items() if key[0] in seen.visible_vhosts}
    # With the monitoring tag the broker's total covers all virtual hosts, as the plugin's does; without it, only visible ones
    listed, expected = len(visible if seen.nodes is None else found), totals.get("queues")
    if listed != expected:
        return None, _mismatch(memory, now, f"the nodes' Prometheus plugins list {listed:,} queues of {expected or 0:,}")
    _learn_new(api, visible.keys(), memory, learn_all)
    if not visible.keys() <= memory.known.keys():
        return None, _mismatch(memory, now, "the nodes' Prometheus plugins list other queues than the management API")
    if len(memory.known) != len(visible):
        memory.known = {key: memory.known[key] for key in visible}
    memory.detailed_mismatches = 0
    memory.accepted, memory.accepted_vhosts = (found, frozenset(seen.visible_vhosts)) if visible is found else (None, frozenset())
    return _with_depths(memory, visible, changed), ""


def _read_nodes(
    api: ManagementApi, urls: list[str], memory: DepthMemory, with_consumers: bool
) -> tuple[Mapping[QueueKey, Depth], AbstractSet[QueueKey] | None]:
    """The queues of all nodes, and those that changed since they were last read; None: perhaps all."""
    if memory.readers.keys() != set(urls):
        memory.readers = {url: DepthsReader() for url in urls}
    read = [reader.read(api.depths_of_node(url, with_consumers)) for url, reader in memory.readers.items()]
    if len(read) == 1:
        return read[0]
    found = {key: depth for listed, _ in read for key, depth in listed.items()}
    unchanged = all(changed is not None for _, changed in read)
    return found, {key for _, changed in read for key in changed or ()} if unchanged else None


def _learn_new(api: ManagementApi, listed: AbstractSet[QueueKey], memory: DepthMemory, learn_all: Callable[[], object]) -> None:
    new = listed - memory.known.keys()
    if len(new) > FEW_NEW:
        learn_all()
    elif new:
        found = {}
        for key in new:
            try:
                found[key] = without_figures(api.queue(*key))
            except ObjectNotFound:  # deleted meanwhile
                continue
        memory.known = memory.known | found


def without_figures(queue: QueueStats) -> QueueStats:
    """What lasts of a queue: its declaration, policies and replicas."""
    return QueueStats(*queue.key, *(getattr(queue, name) for name in LASTING))


LASTING = (
    "type", "state", "durable", "auto_delete", "exclusive", "arguments", "policy", "operator_policy", "effective_policy", "node", "leader", "members", "online",
)  # fmt: skip


def _with_depths(
    memory: DepthMemory, depths: Mapping[QueueKey, Depth], changed: AbstractSet[QueueKey] | None, same: bool = False
) -> dict[QueueKey, QueueStats]:  # fmt: skip
    """The queues with what is known of them. One of which nothing changed is the very object of the poll before, so that storing it costs nothing."""
    was, known, was_known = memory.queues, memory.known, memory.queues_known
    if changed is not None and (same or was.keys() == depths.keys()):
        queues = was.copy()
        if was_known is not known:
            changed = changed | {key for key, queue in known.items() if was_known.get(key) is not queue}
    else:
        queues = {key: queue for key, queue in was.items() if was_known.get(key) is known.get(key) and depths.get(key) == _depth(queue)}
        changed = depths.keys() - queues.keys()
    for key in changed:
        queue = queues[key] = copy.copy(known[key])
        queue.ready, queue.unacknowledged, queue.consumers = depths[key]
    memory.queues, memory.queues_known = queues.copy(), known
    return queues


def _depth(queue: QueueStats) -> Depth:
    return queue.ready, queue.unacknowledged, queue.consumers


def _mismatch(memory: DepthMemory, now: datetime, reason: str) -> str:
    """The reason. A queue may just have been declared; if the mismatch lasts, the plugin is not used for a while."""
    memory.detailed_mismatches += 1
    _forget_queues(memory)
    return _postpone(memory, now, reason) if memory.detailed_mismatches >= MISMATCHES_TOLERATED else reason


def _forget_queues(memory: DepthMemory) -> None:
    """After an answer that was not accepted: what changed in it is not in `queues`, and the next answer does not repeat it."""
    memory.queues, memory.queues_known, memory.accepted = {}, {}, None


def _postpone(memory: DepthMemory, now: datetime, reason: str) -> str:
    memory.detailed_not_before, memory.detailed_reason = now + RETRY_AFTER, reason
    _forget_queues(memory)
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
