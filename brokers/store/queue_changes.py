"""What changed of queues between two polls, as sentences: added, deleted, other policies in force. Exclusive and auto-delete queues are left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from brokers.diff import ChangeText, queue_changes, queue_policy_changes
from brokers.stats import QueueKey, QueueStats
from brokers.store.memory import DEFINITION, NUMBERS, BrokerMemory, ConsumerChange, QueueRow

Values = tuple[Any, ...]
_AUTO_DELETE, _EXCLUSIVE = DEFINITION.index("auto_delete"), DEFINITION.index("exclusive")
_POLICIES = slice(DEFINITION.index("policy"), DEFINITION.index("operator_policy") + 1)
_CONSUMERS = NUMBERS.index("consumers")
_KEPT = ("type", "durable", "arguments", "policy", "operator_policy")


def queue_texts(
    rows: Mapping[QueueKey, QueueRow], gone: Collection[QueueKey], added: Iterable[QueueStats], vhosts: Collection[str], last_seen_at: datetime | None
) -> list[ChangeText]:
    """The queues that were added and deleted. One that is missing in a virtual host that is still there was missing in the poll before too: it was seen last at
    `last_seen_at`."""
    new = {queue.key for queue in added}
    names: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {}
    for queue in added:
        if not (queue.auto_delete or queue.exclusive):
            names.setdefault(queue.vhost, ({}, {}, {}))[0][queue.name] = _detail([getattr(queue, name) for name in DEFINITION])
    for key in gone:
        row = rows[key]
        if lasts(row.definition):
            is_missing = key not in new and key[0] in vhosts
            names.setdefault(key[0], ({}, {}, {}))[2 if is_missing else 1][key[1]] = _detail(row.definition)
    found: list[ChangeText] = []
    for vhost in sorted(names):
        added_there, gone_now, missing = names[vhost]
        found += queue_changes(vhost, added_there, gone_now)
        found += [msgspec.structs.replace(one, earlier_at=last_seen_at) for one in queue_changes(vhost, {}, missing)]
    return found


def policy_texts(redefined: Iterable[tuple[QueueKey, Values, Values]]) -> list[ChangeText]:
    """The queues with other policies in force, of (key, definition as reported before, after): what was not reported is None and no change."""
    names: dict[str, dict[str, tuple[dict[str, str], dict[str, str]]]] = {}
    for (vhost, name), before, after in redefined:
        was, now = before[_POLICIES], after[_POLICIES]
        if was != now and None not in (*was, *now):
            keys = DEFINITION[_POLICIES]
            names.setdefault(vhost, {})[name] = (dict(zip(keys, was, strict=True)), dict(zip(keys, now, strict=True)))
    return [text for vhost in sorted(names) for text in queue_policy_changes(vhost, names[vhost])]


def note_consumers(key: QueueKey, row: QueueRow, memory: BrokerMemory) -> None:
    """After its numbers were read: whether it has another number of consumers than when that was last known."""
    now = row.numbers[_CONSUMERS]
    if now is None:
        row.counted_at = row.counted_at or memory.polled_at
        return
    if row.counted is not None and row.counted != now and lasts(row.definition):
        memory.consumers_changed.append(ConsumerChange(key, row.counted, now, row.counted_at))
    row.counted, row.counted_at = now, None


def lasts(definition: Values) -> bool:
    return not (definition[_AUTO_DELETE] or definition[_EXCLUSIVE])


def _detail(definition: Iterable[Any]) -> dict[str, Any]:
    values = dict(zip(DEFINITION, definition, strict=True))
    return {name: values[name] for name in _KEPT if values[name] not in (None, "")}
