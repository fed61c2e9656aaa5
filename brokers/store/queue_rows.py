"""The current rows of queues and exchanges after a poll: what changed, appeared, vanished."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from brokers.diff import ChangeText, queue_changes
from brokers.models import Exchange, Queue
from brokers.stats import BrokerStats, QueueKey, QueueStats
from brokers.store.memory import DEFINITION, NUMBERS, BrokerMemory, QueueRow
from brokers.store.rows import frozen, update_rows

_RECORDED = tuple(
    NUMBERS.index(name)
    for name in (
        "ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second", "redeliver_per_second", "memory_bytes",
    )
)  # fmt: skip
_NUMBER = {name: index for index, name in enumerate(NUMBERS)}
_UNKNOWN: tuple[Any, ...] = ("",) + (None,) * (len(NUMBERS) - 1)
_COUNTERS = ("published", "delivered", "acknowledged", "redelivered")


def save_queues(broker_id: int, poll: BrokerStats, memory: BrokerMemory) -> list[ChangeText]:
    """Stores the queues of a poll and their snapshot; what appeared and vanished."""
    at, rows = poll.at, memory.queues
    first_poll = memory.polled_at is None
    gone = _gone(poll, rows)
    changed: list[tuple[int, tuple[Any, ...]]] = []
    redefined: list[tuple[int, tuple[Any, ...]]] = []
    values: dict[int, tuple[Any, ...]] = {}
    added: list[QueueStats] = []
    for key, queue in poll.queues.items():
        row = rows.get(key)
        if row is None or key in gone:
            added.append(queue)
            continue
        definition = _definition(queue, row.definition)
        if definition != row.definition and not row.same_definition(definition):
            redefined.append((row.pk, (*definition, at)))
            row.definition = definition
        numbers = _numbers(queue, row, memory, at)
        if numbers != row.numbers:
            row.numbers = numbers
            changed.append((row.pk, (*numbers, at)))
            values[row.pk] = _recorded(numbers)
    for row in (rows[key] for key in rows.keys() - poll.queues.keys() - gone):  # in virtual hosts that we may no longer look into
        if row.numbers != _UNKNOWN:
            row.numbers = _UNKNOWN
            changed.append((row.pk, (*_UNKNOWN, at)))
            values[row.pk] = _recorded(_UNKNOWN)
    update_rows(Queue, (*NUMBERS, "changed_at"), changed)
    update_rows(Queue, (*DEFINITION, "changed_at"), redefined)
    texts = _texts(rows, gone, added)
    values |= _remove(rows, gone, memory, at) | _add(broker_id, added, memory, at)
    writer = memory.writer(broker_id, "queues")
    writer.write({row.pk: _recorded(row.numbers) for row in rows.values()} if writer.is_new else values, at)
    return [] if first_poll else texts


def _gone(poll: BrokerStats, rows: Mapping[QueueKey, QueueRow]) -> set[QueueKey]:
    """Keys of rows whose queue no longer exists: not listed where we may look, in a virtual host that went, or made again with another definition."""
    gone = set()
    for key, row in rows.items():
        queue = poll.queues.get(key)
        if queue is None:
            if key[0] not in poll.vhosts or key[0] in poll.visible_vhosts:
                gone.add(key)
        elif _made_again(queue, row):
            gone.add(key)
    return gone


def _made_again(queue: QueueStats, row: QueueRow) -> bool:
    """What a queue is declared with can't change: where it differs, it was deleted and declared again."""
    was_type, was_durable, _, _, was_arguments = row.definition[:5]
    if queue.type and was_type and queue.type != was_type:
        return True
    if None not in (queue.durable, was_durable) and queue.durable != was_durable:
        return True
    return bool(queue.arguments and was_arguments) and frozen(queue.arguments) != frozen(was_arguments)


def _definition(queue: QueueStats, was: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the poll tells, else what was known before: not every source of depths tells all."""
    told = tuple(getattr(queue, name) for name in DEFINITION)
    return tuple(old if new is None or (new == "" and name in ("type", "node")) else new for name, new, old in zip(DEFINITION, told, was, strict=True))


_NOTHING_KNOWN: tuple[Any, ...] = ("", None, None, None, {}, "", "", {}, "")


def _numbers(queue: QueueStats, row: QueueRow | None, memory: BrokerMemory, at: datetime) -> tuple[Any, ...]:
    was = row.numbers if row else _UNKNOWN
    key, depth = queue.key, queue.depth
    publish, deliver, ack, redeliver = (memory.rate((key, name), at, getattr(queue, name)) for name in _COUNTERS)
    nobody_since = (was[_NUMBER["nobody_consumes_since"]] or at) if queue.consumers == 0 else None
    highest = row.highest(depth, at) if row else depth
    memory_bytes = steady_bytes(queue.memory_bytes, was[_NUMBER["memory_bytes"]])
    return (
        queue.state, queue.ready, queue.unacknowledged, depth, queue.consumers, publish, deliver, ack,
        redeliver, memory_bytes, queue.message_bytes, queue.oldest_at, nobody_since, highest,
    )  # fmt: skip


def steady_bytes(now: int | None, was: int | None) -> int | None:
    """The figure in whole KiB, or the one before while it is within an eighth of it: idle processes' memory jitters.

    >>> steady_bytes(57_000, 55_296)
    55296
    """
    if now is None or (was is not None and abs(now - was) <= was // 8):
        return now if now is None else was
    return now // 1024 * 1024


def _recorded(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(numbers[index] for index in _RECORDED)


def _remove(rows: dict[QueueKey, QueueRow], gone: set[QueueKey], memory: BrokerMemory, at: datetime) -> dict[int, tuple[Any, ...]]:
    update_rows(Queue, ("gone_at", "changed_at"), [(rows[key].pk, (at, at)) for key in gone])
    values = {rows.pop(key).pk: _recorded(_UNKNOWN) for key in gone}
    memory.forget_meters([(key, name) for key in gone for name in _COUNTERS])
    return values


def _add(broker_id: int, added: list[QueueStats], memory: BrokerMemory, at: datetime) -> dict[int, tuple[Any, ...]]:
    objects = []
    for queue in added:
        numbers, definition = _numbers(queue, None, memory, at), _definition(queue, _NOTHING_KNOWN)
        fields = {**dict(zip(NUMBERS, numbers, strict=True)), **dict(zip(DEFINITION, definition, strict=True))}
        objects.append(Queue(broker_id=broker_id, vhost=queue.vhost, name=queue.name, first_seen_at=at, changed_at=at, **fields))
    values = {}
    for saved in Queue.objects.bulk_create(objects, batch_size=500):
        row = QueueRow(saved.pk, [getattr(saved, name) for name in NUMBERS], [getattr(saved, name) for name in DEFINITION], at)
        memory.queues[saved.vhost, saved.name] = row
        values[row.pk] = _recorded(row.numbers)
    return values


def _texts(rows: Mapping[QueueKey, QueueRow], gone: set[QueueKey], added: list[QueueStats]) -> list[ChangeText]:
    auto_delete, exclusive = DEFINITION.index("auto_delete"), DEFINITION.index("exclusive")
    names: dict[str, tuple[list[str], list[str]]] = {}
    for queue in added:
        if not (queue.auto_delete or queue.exclusive):
            names.setdefault(queue.vhost, ([], []))[0].append(queue.name)
    for vhost, name in gone:
        definition = rows[vhost, name].definition
        if not (definition[auto_delete] or definition[exclusive]):
            names.setdefault(vhost, ([], []))[1].append(name)
    return [text for vhost in sorted(names) for text in queue_changes(vhost, *names[vhost])]


def save_exchange_rates(broker_id: int, poll: BrokerStats, memory: BrokerMemory) -> None:
    """Stores the rates of the exchanges that have a row, and their snapshot. A poll without any did not ask: there always are some."""
    at = poll.at
    told = {(exchange.vhost, exchange.name): exchange for exchange in poll.exchanges}
    changed, values = [], {}
    writer = memory.writer(broker_id, "exchanges")
    fields = ("publish_in_per_second", "publish_out_per_second")
    for pk, vhost, name, *was in Exchange.objects.filter(broker_id=broker_id, gone_at=None).values_list("pk", "vhost", "name", *fields):
        exchange = told.get((vhost, name))
        counts = (exchange.published_in, exchange.published_out) if exchange else (None, None)
        rates = was
        if poll.exchanges:
            rates = [memory.rate(("exchange", pk, field), at, count) for field, count in zip(fields, counts, strict=True)]
        if rates != was:
            changed.append((pk, (*rates, at)))
        if writer.is_new or rates != was:
            values[pk] = tuple(rates)
    update_rows(Exchange, (*fields, "changed_at"), changed)
    writer.write(values, at)
