"""Storing a poll, or its failure: one short transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from brokers import amqp_address
from brokers.diff import ChangeText
from brokers.models import Broker, PollAttempt
from brokers.models.places import software
from brokers.parts import INVENTORY_PARTS, NODES, OVERVIEW
from brokers.stats import BrokerStats, Listener, VisibilityLimit
from brokers.store.changes import save_changes
from brokers.store.consumer_changes import save_consumer_changes
from brokers.store.exchange_rates import save_exchange_rates
from brokers.store.memory import BrokerMemory
from brokers.store.nodes import save_nodes, save_virtual_hosts
from brokers.store.queue_rows import save_queues
from brokers.store.vhost_figures import save_vhost_figures

CHURN = {
    "connections_opened_per_second": "connection_created",
    "connections_closed_per_second": "connection_closed",
    "channels_opened_per_second": "channel_created",
    "channels_closed_per_second": "channel_closed",
    "queues_created_per_second": "queue_created",
    "queues_deleted_per_second": "queue_deleted",
}


def save_poll(broker_id: int, poll: BrokerStats, now: datetime, memory: BrokerMemory | None = None) -> None:
    """Stores a poll: changed rows, changes as sentences, one snapshot of each kind. The caller keeps `memory` between polls; without it rates are
    None. On failure nothing is stored, and the memory is cleared."""
    memory = memory or BrokerMemory()
    broker = Broker.objects.get(pk=broker_id)
    memory.refresh(broker, poll.at)
    stored = False
    try:
        with transaction.atomic():
            memory.unbroken = memory.follows(poll)
            changes = [
                *_broker_changes(broker, poll),
                *save_virtual_hosts(broker, poll),
                *save_nodes(broker, poll, memory),
                *save_queues(broker_id, poll, memory),
            ]
            save_exchange_rates(broker_id, poll, memory)
            save_vhost_figures(broker_id, poll, memory)
            _save_broker(broker, poll, now, memory)
            PollAttempt.objects.create(broker_id=broker_id, at=now, answered=True, ms=poll.took_ms)
            answered_at = poll.at + timedelta(milliseconds=poll.took_ms)
            save_changes(broker_id, changes, answered_at, broker.polled_at)
            save_consumer_changes(broker_id, memory, answered_at, broker.polled_at)
        stored = True
    finally:
        if not stored:
            memory.forget()
    memory.polled_before_at, memory.polled_at, memory.unbroken = memory.polled_at, poll.at, True
    if any(found.kind == "vhost" and found.what == "gone" for found in changes):  # one recreated with this name must be stored anew
        memory.vhosts_gone += 1
        memory.topologies = {}


def save_failure(
    broker_id: int,
    state: str,
    reason: str,
    now: datetime,
    took_ms: float,
    memory: BrokerMemory | None = None,
    may_store: Callable[[], bool] | None = None,
    began_at: datetime | None = None,
) -> bool:
    """Stores that a poll failed: the broker is `state` (unreachable, refused, unknown) for `reason`; all numbers stay, with their age,
    and history has a gap from `began_at` (when the poll began) on.

    False, and nothing is stored, if `may_store`, called inside the transaction, returns False.
    """
    with transaction.atomic():
        if may_store is not None and not may_store():
            return False
        broker = Broker.objects.get(pk=broker_id)
        if broker.state != state:
            text = f"{broker.name} is {_word(state)}: {reason}"
            found = ChangeText("broker", "changed", "", broker.name, text, {"state": broker.state}, {"state": state})
            save_changes(broker_id, [found], now, broker.polled_at)
            broker.state, broker.since = state, began_at or now
        broker.reason, broker.tried_at, broker.revision = reason, now, broker.revision + 1
        broker.save(update_fields=["state", "since", "reason", "tried_at", "revision"])
        PollAttempt.objects.create(broker_id=broker_id, at=now, answered=False, ms=took_ms, reason=reason)
        if memory is not None:
            _write_gap(broker_id, began_at or now, memory)
    return True


def save_limits(broker_id: int, limits: Iterable[VisibilityLimit]) -> None:
    """Stores what is not visible or could not be read, if that has changed; inside the caller's transaction."""
    broker = Broker.objects.get(pk=broker_id)
    found = _limits(broker, limits)
    if found != broker.limits:
        Broker.objects.filter(pk=broker_id).update(limits=found, revision=F("revision") + 1)


def _write_gap(broker_id: int, at: datetime, memory: BrokerMemory) -> None:
    try:
        memory.write_gap(broker_id, at)
    except Exception:
        memory.forget()
        raise


def _word(state: str) -> str:
    return {"refused": "refusing access", "unknown": "in an unknown state"}.get(state, state)


def _broker_changes(broker: Broker, poll: BrokerStats) -> list[ChangeText]:
    found = []
    if broker.state in (Broker.UNREACHABLE, Broker.REFUSED) and broker.since:
        text = f"{broker.name} responds again; it was {_word(broker.state)} since {broker.since:%Y-%m-%d %H:%M:%S} UTC"
        found.append(ChangeText("broker", "changed", "", broker.name, text, {"state": broker.state}, {"state": Broker.UP}))
    if broker.version and OVERVIEW not in poll.failed and broker.version != poll.overview.version:
        text = f"{broker.name} now runs {software(poll.overview.version)}, previously {broker.version}"
        found.append(ChangeText("broker", "changed", "", broker.name, text, {"version": broker.version}, {"version": poll.overview.version}))
    return found


def _save_broker(broker: Broker, poll: BrokerStats, now: datetime, memory: BrokerMemory) -> None:
    overview, counted_at = poll.overview, poll.overview_at or poll.at
    rates = {
        f"{name}_per_second": memory.rate(("broker", name), counted_at, count)
        for name, count in (
            ("publish", overview.published),
            ("deliver", overview.delivered),
            ("ack", overview.acknowledged),
            ("unroutable", overview.unroutable),
        )
    }
    churn = {field: memory.rate(("churn", name), counted_at, overview.churn.get(name)) for field, name in CHURN.items()}
    values: dict[str, Any] = {
        "state": Broker.UP,
        "reason": "",
        "same_as": "",
        "since": broker.since if broker.state == Broker.UP and broker.since else poll.at,
        "polled_at": poll.at,
        "tried_at": now,
        "poll_ms": poll.took_ms,
        "poll_busy_seconds": poll.busy_seconds,
        "poll_seconds": memory.poll_seconds,
        "depth_source": poll.depth_source,
        "consumers_at": poll.consumers_at,
        "depth_source_reason": poll.depth_source_reason,
        "alarms": broker.alarms if NODES in poll.failed else _alarms(broker, poll),
        "limits": _limits(broker, poll.visibility_limits) + _kept_limits(broker, poll),
        "ready": overview.ready,
        "unacknowledged": overview.unacknowledged,
        **rates,
        **churn,
        **(_described(broker, poll) if OVERVIEW not in poll.failed else {}),
        "revision": Broker.objects.select_for_update().values_list("revision", flat=True).get(pk=broker.pk) + 1,  # within the transaction: others write it too
    }
    Broker.objects.filter(pk=broker.pk).update(**values)
    memory.writer(broker.pk, "broker").write({broker.pk: (overview.ready, overview.unacknowledged, *rates.values())}, poll.at)


def _limits(broker: Broker, found: Iterable[VisibilityLimit]) -> list[dict[str, Any]]:
    """The limits to store. A part that already failed before keeps its start time, whichever process polled then."""
    since = {limit.get("part"): limit.get("since") for limit in broker.limits}
    limits = [msgspec.to_builtins(limit) for limit in found]
    return [{**limit, "since": since.get(limit["part"]) or limit["since"]} if limit["part"] else limit for limit in limits]


def _kept_limits(broker: Broker, poll: BrokerStats) -> list[dict[str, Any]]:
    """Those of the inventory that a process before stored, until this one has tried to read it."""
    return [] if poll.inventory_known else [limit for limit in broker.limits if limit.get("part") in INVENTORY_PARTS]


def _described(broker: Broker, poll: BrokerStats) -> dict[str, Any]:
    """What the overview says of the broker beside its figures."""
    overview = poll.overview
    return {
        "cluster_name": overview.cluster_name,
        "version": overview.version,
        "erlang_version": overview.erlang_version,
        "object_totals": overview.object_totals,
        "listeners": _listeners(broker, poll),
        "metrics_port": overview.metrics_port,
    }


def _listeners(broker: Broker, poll: BrokerStats) -> list[dict[str, Any]]:
    """The listeners to store: those of nodes that are down stay, and of all while the nodes can't be read."""
    was = msgspec.convert(broker.listeners, list[Listener])
    nodes = {listener.node for listener in was} if NODES in poll.failed else {node.name for node in poll.nodes}
    found: list[dict[str, Any]] = msgspec.to_builtins(amqp_address.remembered(was, poll.overview.listeners, nodes))
    return found


def _alarms(broker: Broker, poll: BrokerStats) -> list[dict[str, str]]:
    """The alarms that are set, each since the first poll that saw it."""
    since = {(alarm.get("node"), alarm.get("resource")): alarm.get("since") for alarm in broker.alarms}
    return [
        {"node": node.name, "resource": resource, "since": since.get((node.name, resource)) or poll.at.isoformat()}
        for node in poll.nodes
        for resource, alarm in (("memory", node.memory_alarm), ("disk", node.disk_alarm))
        if alarm
    ]
