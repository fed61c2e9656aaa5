"""The level of a queue, decided from evidence, with the reason as text.

Pure: functions of the stored numbers and the time. A queue is healthy only where something shows that messages leave it; what can't be known is
unknown, and a queue that has messages and consumers, yet acknowledges nothing for a while, is stuck.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from brokers import parts
from brokers.conditions import FED_LATELY
from brokers.length_limits import nearly
from brokers.rates import STATISTICS_SECONDS
from brokers.routing.past import is_delay_level
from dashboard.layout import formatting
from dashboard.layout.levels import BrokerFacts, Level, unavailable, unread

LEFT_ALONE = timedelta(seconds=30)  # a consumer that restarts is back by then
STUCK_AFTER = timedelta(minutes=2)
WORTH_A_LOOK_DEPTH = 100  # a shorter queue may grow for a moment without meaning anything
SOON = timedelta(hours=1)
BROKEN_STATES = frozenset({"down", "crashed", "stopped", "minority"})
HAVE_MEMBERS = frozenset({"quorum", "stream"})


class QueueFacts(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def leader(self) -> str | None: ...
    @property
    def members(self) -> Any: ...
    @property
    def online(self) -> Any: ...
    @property
    def ready(self) -> int | None: ...
    @property
    def unacknowledged(self) -> int | None: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def consumers(self) -> int | None: ...
    @property
    def active_consumers(self) -> int | None: ...
    @property
    def still_since(self) -> datetime | None: ...
    @property
    def growth_per_second(self) -> float | None: ...
    @property
    def last_publish_at(self) -> datetime | None: ...
    @property
    def publish_per_second(self) -> float | None: ...
    @property
    def ack_per_second(self) -> float | None: ...
    @property
    def deliver_per_second(self) -> float | None: ...
    @property
    def nobody_consumes_since(self) -> datetime | None: ...
    @property
    def nobody_since_at_least(self) -> bool | None: ...
    @property
    def arguments(self) -> Any: ...
    @property
    def effective_policy(self) -> Any: ...


def queue_level(queue: QueueFacts, broker: BrokerFacts, now: datetime) -> Level:
    """The level of a queue. A stream's depth is what it keeps, so it never counts as a backlog."""
    hidden = unavailable(broker, now) or unread(broker, parts.QUEUES, now)
    if hidden:
        return Level("unknown", hidden)
    broken = _broken(queue)
    if broken is not None:
        return broken
    found = _working(queue, broker, now)
    missing = members_text(queue)
    return Level("warning", f"has {missing}") if missing and not found.is_trouble else found


def is_broken(queue: QueueFacts) -> bool:
    """True if nothing can be published to it or consumed from it."""
    return _broken(queue) is not None


def stands_still(queue: QueueFacts) -> bool:
    """True if it has messages and consumers, none of which takes one, or acknowledges what it took."""
    return bool(queue.depth and queue.consumers and (queue.active_consumers == 0 or queue.still_since is not None))


def nobody_takes(queue: QueueFacts) -> bool:
    """True if messages wait in it and it has no consumer. Unacknowledged ones were taken, by a client that has ended its consumer or gets them one by one."""
    return queue.consumers == 0 and (queue.depth or 0) > (queue.unacknowledged or 0)


def _broken(queue: QueueFacts) -> Level | None:
    """Critical, if nothing can be published to it or consumed from it; else None."""
    members = members_text(queue)
    if queue.type in HAVE_MEMBERS:
        lost_majority = bool(queue.members) and queue.online is not None and 2 * len(queue.online) <= len(queue.members)
        if queue.leader == "" or queue.state == "minority" or lost_majority:
            what = "leader" if queue.leader == "" else "majority"
            also = ", no majority" if what == "leader" and lost_majority else ""
            return Level("critical", f"has no {what}{f': {members}{also}' if members else ''}")
    return Level("critical", f"is {queue.state}") if queue.state in BROKEN_STATES else None


def members_text(queue: QueueFacts) -> str:
    """ "2 of 3 members online"; "" if all are, or if it has none, or they are not known."""
    if not queue.members or queue.online is None or len(queue.online) >= len(queue.members):
        return ""
    return f"{len(queue.online)} of {formatting.count(len(queue.members), 'member')} online"


def _working(queue: QueueFacts, broker: BrokerFacts, now: datetime) -> Level:
    """The level of a queue that can be used."""
    if queue.depth is None:
        return Level("unknown", f"{broker.name} does not report its depth")
    if queue.consumers and queue.active_consumers == 0:
        return inactive_level(queue, queue.consumers, queue.depth)
    if queue.type == "stream":
        return Level("ok", "retains published messages")
    if is_delay_level(queue.name):
        return Level("ok", "holds tasks until their countdown ends") if queue.depth else Level("ok", "is idle", "idle")
    if nobody_takes(queue):
        return abandoned_level(queue, queue.depth, broker, now)
    return _consumed(queue, queue.depth, now)


def inactive_level(queue: QueueFacts, consumers: int, depth: int) -> Level:
    """Of a queue whose consumers are all inactive, as with a single active consumer that is not there."""
    which = "its consumer is not active" if consumers == 1 else f"none of its {consumers:,} consumers is active"
    if queue.type == "stream" or not depth:
        return Level("warning", f"has no active consumer: {which}")
    return Level("critical", f"stands still: {which}")


def abandoned_level(queue: QueueFacts, depth: int, broker: BrokerFacts, now: datetime) -> Level:
    """Of a queue that holds messages while nobody consumes it."""
    backlog = f"holds {formatting.count(depth, 'message')}"
    growth, last = queue.growth_per_second, queue.last_publish_at
    if queue.publish_per_second is None and not growth:
        return Level("warning", f"{backlog} and nobody consumes it")
    rises = growth is not None and growth > 0
    if not rises and not queue.publish_per_second and (last is None or now - last > FED_LATELY):
        return Level("notice", f"{backlog} and nobody consumes it")
    since = queue.nobody_consumes_since
    if since is not None and broker.since is not None and queue.nobody_since_at_least is not False:
        since = min(since, broker.since)  # not seen leaving: they may be coming back with the broker, not after a pause of ours
    if since is not None and now - since < LEFT_ALONE:
        return Level("notice", "has no consumer at the moment")
    return Level("critical", "is growing and nobody consumes it" if rises or growth is None else "receives messages that nobody consumes")


def _consumed(queue: QueueFacts, depth: int, now: datetime) -> Level:
    growth, leaving = growth_per_second(queue), leaving_per_second(queue)
    full_in = time_to_limit(queue)
    if full_in is not None and full_in <= SOON:
        limit = length_limit(queue)
        return Level("warning", f"reaches its length limit of {formatting.number(limit)} in {formatting.duration(full_in)}")
    still = None if queue.still_since is None else max(now - queue.still_since, timedelta())
    if still is not None and still >= LEFT_ALONE:
        return still_level(queue, still, now)
    if growth is not None and depth >= WORTH_A_LOOK_DEPTH and growth >= max(0.1, 0.1 * (queue.publish_per_second or 0)):
        return Level("notice", f"is growing by {formatting.rate(growth)}/s")
    if leaving or (not depth and queue.publish_per_second):
        return Level("ok", "is active")
    if not depth:
        return Level("ok", "is idle" if leaving is not None else "is empty", "idle" if leaving is not None else "empty")
    if queue.consumers == 0 and not queue.ready:
        return Level("ok", f"{_holds(depth)}, all of them delivered", "waiting")
    if queue.consumers is None and queue.nobody_consumes_since is not None:
        return Level("ok", f"{_holds(depth)}, and had no consumer when these were counted last", "waiting")
    if queue.consumers is None:
        return Level("unknown", f"{_holds(depth)}; its consumers are unknown")
    if leaving is None:
        return Level("unknown", f"{_holds(depth)}; how fast they leave is unknown")
    if not queue.ready:
        return Level("ok", f"{_holds(depth)}, all of them delivered", "waiting")
    return Level("ok", f"{_holds(depth)}; nothing was acknowledged in the last seconds", "waiting")


def still_level(queue: QueueFacts, still: timedelta, now: datetime) -> Level:
    """Of a queue with messages and consumers, of which nothing was acknowledged for a while."""
    held = [f"{amount:,} {word}" for amount, word in ((queue.ready, "ready"), (queue.unacknowledged, "unacknowledged")) if amount]
    facts = f"no acknowledgement since {formatting.moment_text(queue.still_since, now)} ({', '.join([*held, formatting.count(queue.consumers, 'consumer')])})"
    return Level("warning", f"is stuck: {facts}") if still >= STUCK_AFTER else Level("notice", f"stands still: {facts}")


def _holds(depth: int) -> str:
    return f"holds {formatting.count(depth, 'message')}"


def leaving_per_second(queue: QueueFacts) -> float | None:
    """Acknowledgements, or deliveries where more are delivered to consumers that acknowledge nothing; None if neither is known."""
    known = [rate for rate in (queue.ack_per_second, queue.deliver_per_second) if rate is not None]
    return max(known, default=None)


def growth_per_second(queue: QueueFacts) -> float | None:
    """How fast its depth changes; while that is not measured yet, the publish rate minus the acknowledge rate (deliver rate, where acknowledgements are
    not reported). None if unknown."""
    if queue.growth_per_second is not None:
        return queue.growth_per_second
    out = queue.ack_per_second if queue.ack_per_second is not None else queue.deliver_per_second
    if queue.publish_per_second is None or out is None:
        return None
    return queue.publish_per_second - out


def length_limit(queue: QueueFacts) -> int | None:
    """The queue's max-length, by argument or policy: the smaller one counts (rabbitmq.com, "Queue Length Limit"). None: no limit."""
    return smaller(queue, "max-length")


def is_at_limit(queue: QueueFacts) -> bool:
    """Whether it is full, or stays just below its length limit because its consumers took a few messages since its statistics before."""
    limit, depth = length_limit(queue), queue.depth
    if limit is None or depth is None:
        return False
    taken = (leaving_per_second(queue) or 0.0) * STATISTICS_SECONDS
    return depth >= limit or (depth >= max(nearly(limit), limit - taken) and not (queue.growth_per_second or 0.0) > 0)


def smaller(queue: QueueFacts, key: str) -> int | None:
    """A number that argument and policy may both set, where RabbitMQ takes the smaller one; None if neither does."""
    found = [(queue.arguments or {}).get(f"x-{key}"), (queue.effective_policy or {}).get(key)]
    return min((int(number) for number in found if isinstance(number, int) and not isinstance(number, bool)), default=None)


def time_to_limit(queue: QueueFacts) -> timedelta | None:
    """When the length limit is reached at the present growth; None without a limit or growth, beyond a year, or if messages
    expire before the limit is reached."""
    limit, growth, ttl_ms = length_limit(queue), growth_per_second(queue), smaller(queue, "message-ttl")
    if limit is None or growth is None or growth <= 0 or queue.depth is None:
        return None
    if ttl_ms is not None and max(queue.depth, (queue.publish_per_second or 0) * ttl_ms / 1000) < limit:
        return None
    seconds = max(0.0, limit - queue.depth) / growth
    return timedelta(seconds=seconds) if seconds < timedelta(days=365).total_seconds() else None
