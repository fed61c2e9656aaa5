"""The current rows of queues after a poll: changed, added, deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import compress
from operator import is_not
from typing import Any

from brokers.depth_growth import DepthGrowth
from brokers.diff import ChangeText
from brokers.head_age import HeadAge
from brokers.models import Queue
from brokers.parts import QUEUES, VHOSTS
from brokers.rates import Meter
from brokers.stats import BrokerStats, QueueKey, QueueStats
from brokers.store.counted_consumers import consumers_counted
from brokers.store.memory import DEFINITION, NUMBERS, BrokerMemory, QueueRow, peak_step
from brokers.store.queue_changes import lasts, note_consumers, policy_texts, queue_texts
from brokers.store.rows import frozen, update_rows

Values = tuple[Any, ...]

_RECORDED = tuple(
    NUMBERS.index(name)
    for name in (
        "ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second", "redeliver_per_second", "memory_bytes",
    )
)  # fmt: skip
_CONSUMERS, _MEMORY, _STILL_SINCE, _LAST_PUBLISH = (
    NUMBERS.index("consumers"),
    NUMBERS.index("memory_bytes"),
    NUMBERS.index("still_since"),
    NUMBERS.index("last_publish_at"),
)
_DEPTH, _GROWTH = NUMBERS.index("depth"), NUMBERS.index("growth_per_second")
_RATES = slice(NUMBERS.index("publish_per_second"), NUMBERS.index("redeliver_per_second") + 1)
_COUNTERS = slice(4, 8)  # in what `_reported` returns
_UNKNOWN: Values = tuple({"state": "", "oldest_estimated": False}.get(name) for name in NUMBERS)
_NOTHING_DEFINED: Values = ("", None, None, None, {}, "", "", {}, "")


def save_queues(broker_id: int, poll: BrokerStats, memory: BrokerMemory) -> list[ChangeText]:
    """The queues added and deleted, after storing all queues of a poll and their snapshot. While they cannot be read their rows are kept, and history
    has a gap."""
    at, rows, step = poll.at, memory.queues, peak_step(poll.at)
    peaks_end = memory.peak_step != step
    writer = memory.writer(broker_id, "queues")
    if QUEUES in poll.failed:
        memory.queues_unbroken = False
        writer.write_gap(at)
        return []
    memory.queues_unbroken = memory.unbroken and memory.queues_at == memory.polled_at
    memory.consumers_at = poll.consumers_at
    changed: list[tuple[int, Values]] = []
    redefined: list[tuple[int, Values]] = []
    definitions: list[tuple[QueueKey, Values, Values]] = []
    news = None if peaks_end or not memory.queues_unbroken else _news(poll, memory)
    gone, added = _gone(poll, memory) if news is None else set(), []
    for key, queue in poll.queues.items() if news is None else news:
        row = rows.get(key)
        if row is None:
            added.append(queue)
            continue
        if queue is row.seen and row.idle and not (peaks_end and row.peak_ends(step)) and (memory.queues_unbroken or queue.consumers != 0):
            continue
        row.seen = queue
        defined = _defined(queue)
        if defined != row.defined:
            if _was_recreated(queue, row):
                gone.add(key)
                added.append(queue)
                continue
            was = row.defined
            if _redefine(row, defined):
                redefined.append((row.pk, (*row.definition, at)))
                definitions += [(key, was, defined)] if was is not None and lasts(row.definition) else []
        if _renumber(row, queue, memory, at, step):
            changed.append((row.pk, (*row.numbers, at)))
            note_consumers(key, row, memory)
    missing = rows.keys() - poll.queues.keys() - gone if news is None else ()
    for row in [rows[key] for key in missing]:  # perhaps deleted, or in a virtual host that is no longer visible
        if row.numbers != _UNKNOWN:
            row.numbers, row.reported, row.meters, row.growth, row.head, row.seen = _UNKNOWN, None, None, None, None, None
            changed.append((row.pk, (*_UNKNOWN, at)))
    update_rows(Queue, (*NUMBERS, "changed_at"), changed)
    update_rows(Queue, (*DEFINITION, "changed_at"), redefined)
    update_rows(Queue, ("gone_at", "changed_at"), [(rows[key].pk, (at, at)) for key in gone])
    texts = [] if memory.polled_at is None else [*queue_texts(rows, gone, added, poll.vhosts, memory.polled_before_at), *policy_texts(definitions)]
    values = {pk: _recorded(numbers) for pk, numbers in changed} | {rows.pop(key).pk: _recorded(_UNKNOWN) for key in gone}
    values |= {row.pk: _recorded(row.numbers) for row in _add(broker_id, added, memory, at)}
    memory.queues_at, memory.peak_step, memory.last_queues = at, step, list(poll.queues.values())
    memory.busy = [key for key in (poll.queues if news is None else [key for key, _ in news]) if not rows[key].idle]
    writer.write({row.pk: _recorded(row.numbers) for row in rows.values()} if writer.is_new else values, at)
    return texts


def _news(poll: BrokerStats, memory: BrokerMemory) -> list[tuple[QueueKey, QueueStats]] | None:
    """The queues that are other objects than in the poll before, and those where something flows: the others have nothing new to store. None where queues
    were added or are missing: then all are looked at. Compared by identity, since hashing ten thousand keys takes longer than all else."""
    was, queues = memory.last_queues, poll.queues
    if len(was) != len(queues) or len(memory.queues) != len(queues) or memory.absent:
        return None
    found = {}
    for before, queue in compress(zip(was, queues.values(), strict=True), map(is_not, was, queues.values())):
        if before.vhost != queue.vhost or before.name != queue.name:
            return None
        found[queue.key] = queue
    for key in memory.busy:
        found[key] = queues[key]
    return list(found.items())


def _gone(poll: BrokerStats, memory: BrokerMemory) -> set[QueueKey]:
    """Keys of rows whose queue no longer exists: in a deleted virtual host, or twice in a row not in a complete list of a visible one."""
    listed = VHOSTS not in poll.failed
    missing = memory.queues.keys() - poll.queues.keys()
    gone = {key for key in missing if listed and key[0] not in poll.vhosts}
    if poll.lists_all:
        absent = {key for key in missing - gone if key[0] in poll.visible_vhosts}
        gone, memory.absent = gone | (absent & memory.absent), absent - memory.absent
    else:
        memory.absent -= poll.queues.keys()
    return gone


def _was_recreated(queue: QueueStats, row: QueueRow) -> bool:
    """True if the declaration differs: it cannot change, so the queue was deleted and declared again."""
    was_type, was_durable, _, _, was_arguments = row.definition[:5]
    if queue.type and was_type and queue.type != was_type:
        return True
    if None not in (queue.durable, was_durable) and queue.durable != was_durable:
        return True
    return bool(queue.arguments and was_arguments) and frozen(queue.arguments) != frozen(was_arguments)


def _defined(queue: QueueStats) -> Values:
    """In the order of DEFINITION."""
    return (
        queue.type, queue.durable, queue.auto_delete, queue.exclusive, queue.arguments, queue.policy, queue.operator_policy, queue.effective_policy, queue.node,
    )  # fmt: skip


def _definition(defined: Values, was: Values) -> Values:
    """The values of the poll, or else the earlier ones: not every source of depths reports all."""
    return tuple(old if new is None or (new == "" and name in ("type", "node")) else new for name, new, old in zip(DEFINITION, defined, was, strict=True))


def _redefine(row: QueueRow, defined: Values) -> bool:
    """True if the row's definition changed."""
    row.defined = defined
    definition = _definition(defined, row.definition)
    if row.same_definition(definition):
        return False
    row.definition = definition
    return True


def _reported(queue: QueueStats) -> Values:
    return (
        queue.state, queue.ready, queue.unacknowledged, queue.consumers, queue.published, queue.delivered, queue.acknowledged, queue.redelivered,
        queue.memory_bytes, queue.message_bytes, queue.oldest_at, queue.leader, queue.members, queue.online, queue.delayed, queue.active_consumers,
    )  # fmt: skip


def _renumber(row: QueueRow, queue: QueueStats, memory: BrokerMemory, at: datetime, step: int) -> bool:
    """True if the row's numbers changed."""
    reported = _reported(queue)
    if row.idle and reported == row.reported and not row.peak_ends(step) and (memory.queues_unbroken or queue.consumers != 0):
        return False
    if row.reported is not None and row.meters is not None and memory.queues_at is not None:
        _read(row, row.reported[_COUNTERS], memory, memory.queues_at)  # polls without a change were skipped: the counters stood still until then
    if row.idle and row.growth is not None and memory.queues_at is not None:
        row.growth.stood_still(memory.queues_at.timestamp(), row.numbers[_DEPTH])
        if row.head is not None:
            row.head.stood_still(memory.queues_at.timestamp())
    row.reported = reported
    numbers = _numbers(queue, row, memory, at, step)
    row.idle = not any(numbers[_RATES]) and not numbers[_GROWTH] and _all_known(numbers, reported) and numbers[_CONSUMERS] == queue.consumers
    if numbers == row.numbers:
        return False
    row.numbers = numbers
    return True


def _all_known(numbers: Values, reported: Values) -> bool:
    """True once every reported counter has a rate."""
    return all(rate is not None for rate, count in zip(numbers[_RATES], reported[_COUNTERS], strict=True) if count is not None)


def _read(row: QueueRow, counts: Values, memory: BrokerMemory, at: datetime) -> Values:
    """The rates after a reading of the counters."""
    if row.meters is None:
        if counts == (None, None, None, None):
            return counts
        row.meters = [Meter(memory.statistics_seconds) for _ in counts]
    moment = at.timestamp()
    return tuple(meter.read(moment, count) for meter, count in zip(row.meters, counts, strict=True))


def _numbers(queue: QueueStats, row: QueueRow, memory: BrokerMemory, at: datetime, step: int) -> Values:
    depth, rates = queue.depth, _read(row, _reported(queue)[_COUNTERS], memory, at)
    growth = _growth(row, depth, rates[0], memory, at)
    oldest_at = queue.oldest_at or _head_at(row, queue, depth, at)
    consumers, nobody_since, at_least = consumers_counted(queue, row, memory, at)
    return (
        queue.state, queue.ready, queue.unacknowledged, depth, consumers, *rates,
        steady_bytes(queue.memory_bytes, row.numbers[_MEMORY]), queue.message_bytes, oldest_at, nobody_since, at_least,
        row.highest(depth, step), queue.leader, queue.members, queue.online, queue.delayed, queue.active_consumers, _still_since(queue, rates, row, memory, at),
        growth, None if queue.consumers != 0 else at if rates[0] or (growth or 0) > 0 else row.numbers[_LAST_PUBLISH],
        oldest_at is not None and queue.oldest_at is None,
    )  # fmt: skip


def _head_at(row: QueueRow, queue: QueueStats, depth: int | None, at: datetime) -> datetime | None:
    """When the message at its head arrived, estimated; None where there is none, while that is unknown, and of what is not first in, first out."""
    uncounted = queue.published is None and queue.acknowledged is None and queue.consumers != 0
    if depth is None or queue.ready is None or uncounted or queue.type == "stream" or "x-max-priority" in (queue.arguments or ()):
        row.head = None
        return None
    published, acknowledged = queue.published or 0, queue.acknowledged or 0
    if row.head is None:
        row.head = HeadAge(at.timestamp(), depth, published, acknowledged)
    head = row.head.read(at.timestamp(), queue.ready, depth, published, acknowledged)
    return None if head is None else datetime.fromtimestamp(head, UTC)


def _growth(row: QueueRow, depth: int | None, published_per_second: float | None, memory: BrokerMemory, at: datetime) -> float | None:
    """How fast the depth changes a second; measured anew after a gap in the polls."""
    if depth is None or not memory.queues_unbroken or row.growth is None:
        row.growth = None if depth is None else DepthGrowth(at.timestamp(), depth)
        return None
    return row.growth.read(at.timestamp(), depth, published_per_second)


def _still_since(queue: QueueStats, rates: Values, row: QueueRow, memory: BrokerMemory, at: datetime) -> datetime | None:
    """Since when it has ready messages and consumers, and nothing was acknowledged, nor delivered to a consumer that acknowledges nothing. Where all are
    delivered, consumers may rightly keep them: tasks that are not due yet."""
    if not queue.ready or not queue.consumers:
        return None
    _, delivered, acknowledged, _ = rates
    was = row.numbers[_STILL_SINCE] if memory.queues_unbroken else None
    if acknowledged is None or delivered is None:
        return was  # the first poll after a restart of the poller
    return (was or at) if acknowledged == 0 and (delivered == 0 or queue.unacknowledged) else None


def steady_bytes(now: int | None, was: int | None) -> int | None:
    """The figure in whole KiB, or the one before while it is within an eighth of it: idle processes' memory jitters.

    >>> steady_bytes(57_000, 55_296)
    55296
    """
    if now is None or (was is not None and abs(now - was) <= was // 8):
        return now if now is None else was
    return now // 1024 * 1024


def _recorded(numbers: Values) -> Values:
    return tuple(numbers[index] for index in _RECORDED)


def _add(broker_id: int, added: list[QueueStats], memory: BrokerMemory, at: datetime) -> list[QueueRow]:
    rows, objects, step = [], [], peak_step(at)
    for queue in added:
        row = QueueRow(0, _UNKNOWN, _NOTHING_DEFINED, step)
        _redefine(row, _defined(queue))
        _renumber(row, queue, memory, at, step)
        note_consumers(queue.key, row, memory)
        fields = {**dict(zip(NUMBERS, row.numbers, strict=True)), **dict(zip(DEFINITION, row.definition, strict=True))}
        objects.append(Queue(broker_id=broker_id, vhost=queue.vhost, name=queue.name, first_seen_at=at, changed_at=at, **fields))
        rows.append(row)
    for row, saved in zip(rows, Queue.objects.bulk_create(objects, batch_size=500), strict=True):
        row.pk = saved.pk
        memory.queues[saved.vhost, saved.name] = row
    return rows
