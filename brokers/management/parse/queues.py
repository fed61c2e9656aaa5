"""Queues, from the management API."""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.errors import BrokerAnswerUnusable
from brokers.management.parse.values import Loose, count, counters, decoded, flag, moment, table, text
from brokers.stats import QueueKey, QueueStats

DOWN_STATES = frozenset({"down", "stopped", "crashed", "minority"})


class _Queue(msgspec.Struct):
    vhost: str
    name: str
    type: Loose = None
    state: Loose = None
    durable: Loose = None
    auto_delete: Loose = None
    exclusive: Loose = None
    arguments: Loose = None
    node: Loose = None
    leader: Loose = None
    members: Loose = None
    online: Loose = None
    messages_ready: Loose = None
    messages_unacknowledged: Loose = None
    messages_delayed: Loose = None
    consumers: Loose = None
    single_active_consumer_tag: Loose = msgspec.UNSET
    memory: Loose = None
    message_bytes: Loose = None
    head_message_timestamp: Loose = None
    policy: Loose = msgspec.UNSET
    operator_policy: Loose = msgspec.UNSET
    effective_policy_definition: Loose = msgspec.UNSET
    message_stats: Loose = None


def queues(body: bytes) -> list[QueueStats]:
    """Every queue of the response, once. A node in a minority lists some twice: what its own side sees, and what it last saw of the other side."""
    found: dict[QueueKey, QueueStats] = {}
    for seen in map(_stats, decoded(body, list[_Queue])):
        other = found.get(seen.key)
        if other is None or _liveliness(seen) > _liveliness(other):
            found[seen.key] = seen
    return list(found.values())


def _liveliness(queue: QueueStats) -> tuple[bool, bool]:
    """Greater for the row to believe of two of the same queue: the running one, with figures."""
    return queue.state not in DOWN_STATES, queue.depth is not None


def queue(body: bytes, vhost: str, name: str) -> QueueStats:
    """One queue, which the answer itself need not name."""
    try:
        return _stats(msgspec.convert({"vhost": vhost, "name": name, **decoded(body, dict[str, Any])}, _Queue))
    except msgspec.ValidationError as error:
        raise BrokerAnswerUnusable(f"the answer has an unexpected shape: {error}") from error


def _stats(seen: _Queue) -> QueueStats:
    counted = counters(seen.message_stats)
    return QueueStats(
        vhost=seen.vhost,
        name=seen.name,
        type=text(seen.type) or text(table(seen.arguments).get("x-queue-type")),  # some brokers give it nowhere else
        state=text(seen.state),
        durable=flag(seen.durable),
        auto_delete=flag(seen.auto_delete),
        exclusive=flag(seen.exclusive),
        arguments=None if seen.arguments is None else table(seen.arguments),
        policy=_policy(seen.policy, seen.effective_policy_definition),
        operator_policy=_policy(seen.operator_policy, seen.effective_policy_definition),
        effective_policy=None if seen.effective_policy_definition is msgspec.UNSET else table(seen.effective_policy_definition),
        node=text(seen.node) or text(seen.leader),
        leader=None if seen.leader is None else text(seen.leader),
        members=_names(seen.members),
        online=_names(seen.online),
        ready=count(seen.messages_ready),
        unacknowledged=count(seen.messages_unacknowledged),
        delayed=count(seen.messages_delayed),
        consumers=count(seen.consumers),
        active_consumers=_active(seen),
        memory_bytes=count(seen.memory),
        message_bytes=count(seen.message_bytes),
        oldest_at=moment(seen.head_message_timestamp, per_second=1),
        published=count(counted.publish),
        delivered=count(counted.deliver_get),
        acknowledged=count(counted.ack),
        redelivered=count(counted.redeliver),
    )


def _active(seen: _Queue) -> int | None:
    """How many consumers are active, where at most one may be; None where that is not reported. RabbitMQ 4.0 went on listing one as active after its queue
    had none (rabbitmq-server, issue 14141)."""
    if seen.single_active_consumer_tag is msgspec.UNSET or table(seen.arguments).get("x-single-active-consumer") is not True:
        return None
    return min(1, count(seen.consumers) or 0) if text(seen.single_active_consumer_tag) else 0


def _policy(named: Any, effective: Any) -> str | None:
    """The name of a policy, "" for none: RabbitMQ 4 leaves it out then, but says what is in effect. None if the policies are not in the answer."""
    if named is msgspec.UNSET:
        return None if effective is msgspec.UNSET else ""
    return text(named)


def _names(value: Loose) -> list[str] | None:
    """The nodes of a list, sorted; None for what is no list."""
    return sorted(filter(None, map(text, value))) if isinstance(value, list) else None
