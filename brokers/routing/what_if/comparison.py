"""Compares the explanations of one message before and after changes.

Pure. Takes two explanations, with or without consumers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brokers.routing.answer import AfterQueue, Compared, Explanation
from brokers.routing.queue_outcome import DeadLetters
from brokers.routing.text import key_name, names

MOST_LISTED = 5
"""Changed queues that are listed individually."""


def compared(before: Explanation, after: Explanation) -> Compared[Explanation]:
    """The explanation after changes, and how it differs from that before."""
    gained, lost = _without(after.queues, before.queues), _without(before.queues, after.queues)
    sentences = [_outcome(before, after, gained, lost), *_queue_changes(before, after), *_gained_queue_notes(after, gained)]
    text = " ".join(sentence for sentence in sentences if sentence) or _unchanged(before, after)
    uncertainty = " That is not certain." if before.certain and not after.certain else ""
    return Compared(after, gained, lost, text + uncertainty)


def _without(names_of: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return sorted({name for name in names_of if name not in known})


def _unchanged(before: Explanation, after: Explanation) -> str:
    if after.outcome == "refused":
        return "Nothing would change: it would still be refused."
    if before.one_of != after.one_of:
        return "The broker would pick among different possible results."
    if not after.queues:
        return "Nothing would change: it would reach no queue."
    return f"Nothing would change: it would still reach {_queues(after.queues)}."


def _outcome(before: Explanation, after: Explanation, gained: Sequence[str], lost: Sequence[str]) -> str:
    """The change in the queues it reaches; "" if there is none."""
    if after.outcome == "refused":
        return "" if before.outcome == "refused" else f"It would be refused: {after.reason}"
    start = "It would no longer be refused, and" if before.outcome == "refused" else "It"
    if not after.queues:
        return "" if start == "It" and not before.queues else f"{start} would reach no queue{f' instead of {_queues(lost)}' if lost else ''}."
    if not before.queues:
        return f"{start} would reach {_queues(gained)}{' instead of no queue' if start == 'It' else ''}."
    if not gained and not lost:
        return ""
    kept = _without(after.queues, gained)
    also = " also" if kept else ""
    if gained and lost:
        first = f"It would{also} reach {_queues(gained)}, and no longer {names(lost)}"
    else:
        first = f"It would also reach {_queues(gained)}" if gained else f"It would no longer reach {_queues(lost)}"
    return f"{first}; {names(kept)} still {'gets' if len(kept) == 1 else 'get'} it." if kept else f"{first}."


def _queues(found: Sequence[str]) -> str:
    return f"queue {found[0]}" if len(found) == 1 else f"queues {names(found)}"


def _queue_changes(before: Explanation, after: Explanation) -> list[str]:
    """The changes in queues that it reaches before and after."""
    old = {one.queue: one for one in before.after}
    sentences = [sentence for one in after.after if one.queue in old for sentence in _differences(old[one.queue], one)]
    return [*sentences[:MOST_LISTED], f"And {len(sentences) - MOST_LISTED} more such differences."] if len(sentences) > MOST_LISTED else sentences


def _differences(old: AfterQueue, new: AfterQueue) -> list[str]:
    queue, sentences = new.queue, []
    if old.ttl_ms != new.ttl_ms:
        sentences.append(f"In {queue} it would {_expires(new.ttl_ms)} instead of {_expiring(old.ttl_ms)}.")
    limits = [(one.max_length, one.max_length_bytes, one.overflow) for one in (old, new)]
    if limits[0] != limits[1]:
        sentences.append(f"{queue} would {_holds(new)} instead of {_holding(old)}.")
    if old.delivery_limit != new.delivery_limit:
        sentences.append(f"{queue} would dead-letter or discard a message {_after_returns(new)} instead of {_after_returns(old)}.")
    if _letters(old) != _letters(new):
        sentences.append(f"Dead letters of {queue} would {_lead(new.dead_letter, old.dead_letter)}.")
    if old.single_active_consumer != new.single_active_consumer:
        sentences.append(f"{queue} would deliver to {'one consumer at a time' if new.single_active_consumer else 'all its consumers'}.")
    return sentences


def _expires(ttl: int | None) -> str:
    return "never expire" if ttl is None else f"expire after {ttl:,} ms"


def _expiring(ttl: int | None) -> str:
    return "never" if ttl is None else f"{ttl:,} ms"


def _limit(one: AfterQueue) -> str:
    limits = [f"{one.max_length:,} messages"] if one.max_length is not None else []
    limits += [f"{one.max_length_bytes:,} bytes"] if one.max_length_bytes is not None else []
    return f"{' or '.join(limits)} ({one.overflow})" if limits else ""


def _holds(one: AfterQueue) -> str:
    return f"hold at most {_limit(one)}" if _limit(one) else "hold any number of messages"


def _holding(one: AfterQueue) -> str:
    return _limit(one) or "any number"


def _after_returns(one: AfterQueue) -> str:
    return "never" if one.delivery_limit is None else f"after {one.delivery_limit:,} redeliveries"


def _letters(one: AfterQueue) -> tuple[Any, ...] | None:
    dead = one.dead_letter
    return None if dead is None else (dead.exchange, tuple(dead.keys), tuple(dead.queues))


def _lead(dead: DeadLetters | None, was: DeadLetters | None) -> str:
    """The destination of dead letters after the change, and what it was; they differ."""
    if dead is None:
        assert was is not None  # noqa: S101  (they differ)
        return f"be discarded instead of going to {_target(was)}"
    if was is not None and dead.queues == was.queues:
        return f"go through {_exchange(dead)} with {key_name(dead.keys[0])} and end in the same queues"
    return f"go to {_target(dead)} instead of {'being discarded' if was is None else _target(was)}"


def _target(dead: DeadLetters) -> str:
    return _queues(dead.queues) if dead.queues else f"{_exchange(dead)}, which leads to no queue"


def _exchange(dead: DeadLetters) -> str:
    return dead.exchange or "the default exchange"


def _gained_queue_notes(after: Explanation, gained: Sequence[str]) -> list[str]:
    """The outcome in the queues it did not reach before."""
    sentences = []
    known = set(gained)
    new = [one for one in after.after if one.queue in known]
    idle = [one.queue for one in new if one.consumers == 0]
    if idle:
        sentences.append(f"Nobody consumes {names(idle)}: it would wait there.")
    sentences += [f"In {one.queue} it would {_expires(one.ttl_ms)}." for one in new[:MOST_LISTED] if one.ttl_ms is not None]
    return sentences
