"""Before and after changes, side by side: what comes of it, and each queue with what becomes of the message there. Pure."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from dashboard.why.story.destinations import end
from dashboard.why.story.risks import risks
from dashboard.why.story.spans import JSON, Address, Span

MOST_QUEUES = 20


class SideQueue(msgspec.Struct, frozen=True):
    """`differs`: only this side has it; `says` are sentences on what becomes of the message there."""

    queue: str
    address: str
    differs: bool
    level: str
    word: str
    says: list[str]


class Side(msgspec.Struct, frozen=True):
    """`more` counts the queues that are not listed."""

    title: str
    level: str
    headline: list[Span]
    queues: list[SideQueue]
    more: int


def side(title: str, level: str, headline: list[Span], broker: JSON | None, own: Collection[str], address: Address) -> Side:
    """One side; `broker` is the broker's answer, None where nothing is sent to it, `own` the queues that the other side lacks. Those come first."""
    after = sorted(broker["after"] if broker else [], key=lambda one: one["queue"] not in own)
    return Side(title, level, headline, [_queue(one, own, address) for one in after[:MOST_QUEUES]], max(0, len(after) - MOST_QUEUES))


def _queue(one: JSON, own: Collection[str], address: Address) -> SideQueue:
    shown = end(one, address)
    told = [f"It {risk.text}" for risk in risks(one)]
    return SideQueue(shown.queue, shown.address, shown.queue in own, shown.level, shown.word, [shown.says, *told])
