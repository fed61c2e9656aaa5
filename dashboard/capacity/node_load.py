"""Which worker nodes are idle and which have more to do than they can, by what was recorded of them in a window. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Word = Literal["idle", "overloaded", "busy", "unknown"]
KNOWN_SHARE, FULL_SHARE = 0.5, 0.9
Course = Sequence[float | None]


class QueueState(msgspec.Struct, frozen=True):
    """A queue that the node consumes. `grows`: more comes in than goes out, None where unknown."""

    name: str
    depth: int | None = None
    grows: bool | None = None


class NodeLoad(msgspec.Struct, frozen=True):
    """`used` is the share of its slots that was in use, None where unknown; `behind` are its queues that are not empty."""

    word: Word
    used: float | None = None
    reason: str = ""
    behind: tuple[str, ...] = ()


def node_load(active: Course, slots: Course, reserved: Course, queues: Sequence[QueueState] | None) -> NodeLoad:
    """The load by the courses of a window, which have a value for the same moments. `queues` None: those that it consumes are unknown.

    >>> node_load([0, 0], [4, 4], [0, 0], [QueueState("mail", 0)]).word
    'idle'
    """
    pairs = [(used, total) for used, total in zip(active, slots, strict=False) if used is not None and total]
    if not pairs or len(pairs) < KNOWN_SHARE * len(active):
        return NodeLoad("unknown", reason="its slots were not recorded for long enough in this window")
    share = sum(min(used, total) for used, total in pairs) / sum(total for _, total in pairs)
    behind = tuple(queue.name for queue in queues or () if queue.depth)
    if not any(used for used, _ in pairs):
        if queues is None or any(queue.depth is None for queue in queues):
            return NodeLoad("unknown", share, "no slot was used, and whether its queues are empty is unknown", behind)
        if behind:
            return NodeLoad("busy", share, "no slot was used, although its queues are not empty", behind)
        return NodeLoad("idle", share, "no slot was used, and its queues are empty" if queues else "no slot was used, and it consumes no queue")
    full = sum(used >= total for used, total in pairs) >= FULL_SHARE * len(pairs)
    growing = [queue.name for queue in queues or () if queue.grows and queue.depth]
    if full and growing:
        return NodeLoad("overloaded", share, "all slots were used, and its queues grow", tuple(growing))
    if full and _grew(reserved):
        return NodeLoad("overloaded", share, "all slots were used, and it prefetched more and more", behind)
    return NodeLoad("busy", share, "all slots were used" if full else "", behind)


def _grew(course: Course) -> bool:
    """Whether the second half is above the first on average."""
    known = [value for value in course if value is not None]
    half = len(known) // 2
    return half > 0 and sum(known[half:]) / len(known[half:]) > sum(known[:half]) / half
