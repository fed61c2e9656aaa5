"""Stores that queues have other numbers of consumers. What happens to one queue within some minutes is one row: workers that reconnect would fill the list."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from brokers.diff import MOST_SENTENCES, ChangeText, is_own
from brokers.models import Change
from brokers.store.changes import save_changes
from brokers.store.memory import BrokerMemory, ConsumerChange, ConsumerFold

FOLDED_FOR = timedelta(minutes=10)
MOST_FOLDS = 2_000


def save_consumer_changes(broker_id: int, memory: BrokerMemory, at: datetime, earlier_at: datetime | None) -> None:
    """What `note_consumers` found since the last call; inside the caller's transaction."""
    found, memory.consumers_changed = memory.consumers_changed, []
    by_vhost: dict[str, list[ConsumerChange]] = defaultdict(list)
    for change in found:
        vhost, name = change.key[:2]
        if not is_own(name, vhost):
            by_vhost[vhost].append(change)
    for vhost, changes in by_vhost.items():
        if len(changes) > MOST_SENTENCES:
            save_changes(broker_id, [_many(vhost, changes)], at, earlier_at)
        else:
            for change in changes:
                _save(broker_id, memory, change, at, earlier_at)
    if memory.consumer_folds and (found or len(memory.consumer_folds) > MOST_FOLDS):
        memory.consumer_folds = {key: fold for key, fold in memory.consumer_folds.items() if at - fold.began_at < FOLDED_FOR}


def _save(broker_id: int, memory: BrokerMemory, change: ConsumerChange, at: datetime, earlier_at: datetime | None) -> None:
    fold = memory.consumer_folds.get(change.key)
    if fold is not None and timedelta() <= at - fold.began_at < FOLDED_FOR:
        fold.numbers.append(change.after)
        found = consumer_change(change.key[0], change.key[1], fold.first, fold.numbers)
        if Change.objects.filter(pk=fold.pk).update(at=at, what=found.what, text=found.text, after=found.after):
            return
    found = consumer_change(change.key[0], change.key[1], change.before, [change.after])
    row = Change.objects.create(
        broker_id=broker_id, at=at, earlier_at=change.earlier_at or earlier_at, kind="consumer", what=found.what, vhost=found.vhost, name=found.name,
        text=found.text, before=found.before, after=found.after,
    )  # fmt: skip
    memory.consumer_folds[change.key] = fold = ConsumerFold(row.pk, at, change.before)
    fold.numbers.append(change.after)


def consumer_change(vhost: str, name: str, first: int, numbers: list[int]) -> ChangeText:
    """Of a queue that had `first` consumers, and then these numbers of them.

    >>> consumer_change("/", "mail", 0, [2]).text, consumer_change("/", "mail", 2, [0]).text, consumer_change("/", "mail", 1, [2]).text
    ('Queue mail has 2 consumers, before none', 'Queue mail has no consumer, before 2', 'Queue mail has 2 consumers, before 1')
    >>> consumer_change("/", "mail", 2, [0, 1, 0, 2]).text
    'Consumers of queue mail changed 4 times, between 0 and 2; it has 2 consumers'
    """
    last = numbers[-1]
    has = f"{last:,} consumer{'' if last == 1 else 's'}" if last else "no consumer"
    if len(numbers) == 1:
        text = f"Queue {name} has {has}, before {first:,}" if first else f"Queue {name} has {has}, before none"
    else:
        every = (first, *numbers)
        text = f"Consumers of queue {name} changed {len(numbers):,} times, between {min(every):,} and {max(every):,}; it has {has}"
    what = "changed" if bool(first) == bool(last) else "added" if last else "gone"
    after = {"consumers": last} | ({"changes": len(numbers), "lowest": min(numbers), "highest": max(numbers)} if len(numbers) > 1 else {})
    return ChangeText("consumer", what, vhost, name, text, {"consumers": first}, after)


def _many(vhost: str, changes: list[ConsumerChange]) -> ChangeText:
    shown = sorted(changes, key=lambda one: one.key[1])[:100]
    before, after = ({one.key[1]: number for one, number in zip(shown, numbers, strict=True)} for numbers in _sides(shown))
    return ChangeText("consumer", "changed", vhost, "", f"{len(changes):,} queues have other numbers of consumers in {vhost}", before, after)


def _sides(shown: list[ConsumerChange]) -> tuple[list[int], list[int]]:
    return [one.before for one in shown], [one.after for one in shown]
