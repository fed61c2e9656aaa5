"""What was measured against what a pattern claims. Pure: a verdict is a function of the tally and the time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import msgspec

from workers.lab.plans import ARRANGEMENTS, PRIORITIES, RETRY_MS, TRIES
from workers.lab.tally import Followed, Tally

Holds = Literal["yes", "no", "unknown"]
EVEN, IN_PROPORTION = 0.05, 0.10
FEW = 20
"""Fewer messages, for each node or kind, show nothing."""
EARLY_SECONDS = 0.1  # by which clocks and timers of a retry may differ


class Verdict(msgspec.Struct, frozen=True):
    """`holds`: whether the claim does, unknown while too little was measured."""

    holds: Holds
    text: str


def verdict(measured: str, tally: Tally, now: float) -> Verdict:
    """The verdict of one of MEASURED."""
    if not tally.is_ready and not tally.sent:
        return Verdict("unknown", "The worker nodes are starting.")
    return MEASURED[measured](tally, now)


def shares(tally: Tally) -> dict[str, float]:
    """{node: its part of all messages done}; {} before the first."""
    total = sum(seen.done for seen in tally.nodes.values())
    return {name: seen.done / total for name, seen in tally.nodes.items()} if total else {}


def _few(count: int, needed: int) -> Verdict:
    return Verdict("unknown", f"{count} of the {needed} messages that are needed to say anything have been done.")


def even(tally: Tally, now: float) -> Verdict:
    """Of what each node got: a node with a large prefetch may not be through with its share."""
    got, needed = {name: seen.got for name, seen in tally.nodes.items()}, FEW * len(tally.nodes)
    total = sum(got.values())
    if total < needed:
        return _few(total, needed)
    usual = 1 / len(got)
    off = max(abs(count / total - usual) for count in got.values())
    text = f"Of {total:,} messages each node got {usual:.1%}, give or take {off * 100:.1f} percentage points."
    return Verdict("yes" if off <= EVEN else "no", text)


def copies(tally: Tally, now: float) -> Verdict:
    return _exactly(tally, now, f"reached each of the {len(tally.nodes)} subscribers exactly once")


def matched(tally: Tally, now: float) -> Verdict:
    return _exactly(tally, now, "reached exactly the queues that match it")


def _exactly(tally: Tally, now: float, claim: str) -> Verdict:
    settled = tally.settled(now)
    if len(settled) < FEW:
        return _few(len(settled), FEW)
    missing = double = elsewhere = 0
    for one in settled:
        found, expected = tally.copies(one), tally.expected[one.variant]
        missing += len(expected - found.keys())
        elsewhere += len(found.keys() - expected)
        double += sum(count - 1 for count in found.values())
    dropped = sum(not tally.expected[one.variant] for one in settled)
    beside = f" {dropped:,} of them matched nothing and were dropped." if dropped else ""
    if not missing and not double and not elsewhere:
        return Verdict("yes", f"Each of {len(settled):,} messages {claim}.{beside}")
    wrong = ", ".join(f"{count:,} {word}" for count, word in ((missing, "missing"), (double, "double"), (elsewhere, "in another queue")) if count)
    return Verdict("no", f"Of the copies of {len(settled):,} messages: {wrong}. A message is delivered again where a node ended before it acknowledged it.")


def replies(tally: Tally, now: float) -> Verdict:
    settled = tally.settled(now)
    if len(settled) < FEW:
        return _few(len(settled), FEW)
    none, several = sum(one.replies == 0 for one in settled), sum(one.replies > 1 for one in settled)
    if none or several:
        return Verdict("no", f"Of {len(settled):,} requests {none:,} got no reply, and {several:,} more than one.")
    return Verdict("yes", f"Each of {len(settled):,} requests got exactly one reply, with its own id.")


def held(tally: Tally, now: float) -> Verdict:
    total = sum(seen.got for seen in tally.nodes.values())
    if total < FEW:
        return _few(total, FEW)
    limits = {node.name: node.limit for node in tally.plan.nodes}
    text = ", ".join(f"{name} {seen.most_held} of {limits[name]}" for name, seen in tally.nodes.items())
    over = any(seen.most_held > limits[name] for name, seen in tally.nodes.items())
    return Verdict("no" if over else "yes", f"The most that each node held at a time, and its prefetch: {text}.")


def speed(tally: Tally, now: float) -> Verdict:
    total, needed = sum(seen.done for seen in tally.nodes.values()), FEW * len(tally.nodes)
    if total < needed:
        return _few(total, needed)
    if tally.outstanding() < 2 * sum(node.limit for node in tally.plan.nodes):
        return Verdict("unknown", "No messages wait, so that the speed of a node makes no difference: publish more, or let the work take longer.")
    speeds = {node.name: node.processes / max(node.work_ms, 1) for node in tally.plan.nodes}
    found, together = shares(tally), sum(speeds.values())
    off = max(abs(found[name] - value / together) for name, value in speeds.items())
    text = ", ".join(f"{name} {found[name]:.0%} (by its speed {value / together:.0%})" for name, value in speeds.items())
    return Verdict("yes" if off <= IN_PROPORTION else "no", f"Of {total:,} messages: {text}.")


def priority(tally: Tally, now: float) -> Verdict:
    lowest, highest = _waits(tally, 0), _waits(tally, len(PRIORITIES) - 1)
    fewest = min(len(lowest), len(highest))
    if fewest < FEW // 2:
        return _few(fewest, FEW // 2)
    low, high = sum(lowest) / len(lowest), sum(highest) / len(highest)
    text = f"Priority {PRIORITIES[-1]} took {high:.2f} s from publishing to the end of its work, priority {PRIORITIES[0]} {low:.2f} s, on average."
    if low < 2 * max(node.work_ms for node in tally.plan.nodes) / 1000:
        return Verdict("unknown", f"{text} Nothing waits, so that priority makes no difference: publish more.")
    return Verdict("yes" if high < low else "no", text)


def _waits(tally: Tally, variant: int) -> list[float]:
    return [one.waited for one in tally.messages.values() if one.variant == variant and one.waited is not None]


def tries(tally: Tally, now: float) -> Verdict:
    done = [one for one in tally.messages.values() if one.done_at is not None]
    if len(done) < FEW:
        return _few(len(done), FEW)
    wrong = sum(len(one.rejected) != TRIES or one.done.total() != 1 for one in done)
    early = sum(_gap(one) < RETRY_MS / 1000 - EARLY_SECONDS for one in done)
    shortest = min(_gap(one) for one in done)
    if wrong or early:
        return Verdict("no", f"Of {len(done):,} messages {wrong:,} were not tried {TRIES + 1} times, and {early:,} came back too early.")
    return Verdict("yes", f"Each of {len(done):,} messages was tried {TRIES + 1} times, at least {shortest:.2f} s apart.")


def _gap(one: Followed) -> float:
    """The least number of seconds between two tries."""
    moments = [*sorted(one.rejected), one.done_at or 0.0]
    return min((later - earlier for earlier, later in pairwise(moments)), default=float("inf"))


def addresses(tally: Tally, now: float) -> Verdict:
    found = [(node.name, node.address, tally.nodes[node.name].address) for node in tally.plan.nodes]
    found.append(("the producer", tally.plan.publisher.address, tally.publisher_address))
    if any(address is None for _, _, address in found):
        return Verdict("unknown", "Not every connection is open.")
    wrong = [f"{name} from {address} instead of {wanted}" for name, wanted, address in found if address != wanted]
    if wrong:
        return Verdict("no", f"Some connect from elsewhere: {', '.join(wrong)}.")
    producer, nodes = tally.plan.publisher.address, tally.plan.nodes[0].address
    name = next(name for name, *pair in ARRANGEMENTS.values() if pair == [producer, nodes])
    return Verdict("yes", f"The producer connects from {producer} and every worker node from {nodes}; the broker listens at 127.0.0.1: {name}.")


MEASURED: dict[str, Callable[[Tally, float], Verdict]] = {
    "even": even,
    "copies": copies,
    "matched": matched,
    "replies": replies,
    "held": held,
    "speed": speed,
    "priority": priority,
    "tries": tries,
    "addresses": addresses,
}
