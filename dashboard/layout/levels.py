"""Levels: how well a broker, its nodes, a queue or a worker node is, with the reason as text.

Pure: functions of the stored numbers and the time. What is not visible is "unknown" with its reason; never "down", never 0.
`dashboard.overview.incidents` adds what to do about a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from brokers import parts
from brokers.clock import is_within
from brokers.routing.past import is_delay_level
from dashboard.layout import formatting

Word = Literal["ok", "notice", "warning", "critical", "unknown"]
NAMES: Mapping[str, str] = {"ok": "healthy", "notice": "notice", "warning": "warning", "critical": "critical", "unknown": "unknown"}
WORST_FIRST: tuple[Word, ...] = ("critical", "warning", "unknown", "notice", "ok")

STALE_INTERVALS = 3
DEFAULT_POLL_SECONDS = 5.0
LEFT_ALONE = timedelta(seconds=30)  # a consumer that restarts is back by then
WORTH_A_LOOK_DEPTH = 100  # a shorter queue may grow for a moment without meaning anything
SOON = timedelta(hours=1)
BROKEN_STATES = frozenset({"down", "crashed", "stopped", "minority"})
CLOCK_SKEW_SECONDS = 5.0


class Level(msgspec.Struct, frozen=True):
    """How well something is. `reason` is a clause without a full stop that can follow a name: "grows and nobody consumes it"."""

    word: Word
    reason: str

    @property
    def name(self) -> str:
        """The word that people read: "healthy" for ok."""
        return NAMES[self.word]

    @property
    def is_trouble(self) -> bool:
        return self.word in ("critical", "warning")


class BrokerFacts(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def polled_at(self) -> datetime | None: ...
    @property
    def poll_seconds(self) -> float | None: ...
    @property
    def alarms(self) -> Any: ...
    @property
    def limits(self) -> Any: ...
    @property
    def unroutable_per_second(self) -> float | None: ...


class NodeFacts(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def memory_alarm(self) -> bool | None: ...
    @property
    def disk_alarm(self) -> bool | None: ...
    @property
    def partitions(self) -> Any: ...


class QueueFacts(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def consumers(self) -> int | None: ...
    @property
    def publish_per_second(self) -> float | None: ...
    @property
    def ack_per_second(self) -> float | None: ...
    @property
    def deliver_per_second(self) -> float | None: ...
    @property
    def nobody_consumes_since(self) -> datetime | None: ...
    @property
    def arguments(self) -> Any: ...
    @property
    def effective_policy(self) -> Any: ...


class WorkerFacts(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def active(self) -> int | None: ...
    @property
    def reserved(self) -> int | None: ...
    @property
    def events_off(self) -> bool | None: ...
    @property
    def clock_skew_seconds(self) -> float | None: ...


def is_stale(broker: BrokerFacts, now: datetime) -> bool:
    """True once the broker's numbers are older than three intervals, or if there never were any."""
    interval = broker.poll_seconds or DEFAULT_POLL_SECONDS
    return broker.polled_at is None or not is_within(broker.polled_at, now, timedelta(seconds=STALE_INTERVALS * interval))


def unavailable(broker: BrokerFacts, now: datetime) -> str:
    """Why the state of the broker's queues is unknown, as a clause ("prod is unreachable"); "" while the broker responds."""
    if broker.state == "unreachable":
        return f"{broker.name} is unreachable"
    if broker.state == "refused":
        return f"{broker.name} refuses Hareline's user"
    if broker.polled_at is None:
        return f"{broker.name} has not been polled yet"
    if is_stale(broker, now):
        if broker.polled_at > now:
            return f"{broker.name} has not been polled since this machine's clock was set back"
        return f"{broker.name} was last polled {formatting.age(broker.polled_at, now)} ago"
    return ""


def unread(broker: BrokerFacts, part: str, now: datetime) -> str:
    """Since when a part of the poll (see `brokers.parts`) can't be read though the broker responds, as a clause; "" if it can."""
    since = next((limit["since"] for limit in broker.limits if limit.get("part") == part), None)
    return f"the {part} of {broker.name} have not been read for {formatting.age(datetime.fromisoformat(since), now)}" if since else ""


def broker_level(broker: BrokerFacts, now: datetime) -> Level:
    hidden = unavailable(broker, now)
    if hidden:
        return Level("unknown", hidden)
    if broker.alarms:
        resources = sorted({str(alarm.get("resource", "resource")) for alarm in broker.alarms})
        nodes = sorted({str(alarm.get("node", broker.name)) for alarm in broker.alarms})
        return Level("critical", f"blocks publishers: {formatting.listed(resources)} alarm on {formatting.listed(nodes)}")
    if broker.unroutable_per_second:
        return Level("notice", f"has {formatting.rate(broker.unroutable_per_second)} unroutable messages/s (no binding matched)")
    return Level("ok", "responds")


def node_level(node: NodeFacts, broker: BrokerFacts, now: datetime) -> Level:
    """The level of a node of the broker's cluster."""
    hidden = unavailable(broker, now) or unread(broker, parts.NODES, now)
    if hidden:
        return Level("unknown", hidden)
    if not node.running:
        return Level("critical", "is not running")
    if node.partitions:
        return Level("critical", f"is cut off from {formatting.listed([str(name) for name in node.partitions])}")
    alarms = [word for word, on in (("memory", node.memory_alarm), ("disk", node.disk_alarm)) if on]
    if alarms:
        return Level("critical", f"blocks publishers: {formatting.listed(alarms)} alarm")
    return Level("ok", "is running")


def queue_level(queue: QueueFacts, broker: BrokerFacts, now: datetime) -> Level:
    """The level of a queue. A stream's depth is what it keeps, so it never counts as a backlog."""
    hidden = unavailable(broker, now) or unread(broker, parts.QUEUES, now)
    if hidden:
        return Level("unknown", hidden)
    if queue.state in BROKEN_STATES:
        return Level("critical", f"is {queue.state}")
    if queue.depth is None:
        return Level("unknown", f"{broker.name} does not report its depth")
    if queue.type == "stream":
        return Level("ok", "retains published messages")
    if is_delay_level(queue.name):
        return Level("ok", "holds tasks until their countdown ends" if queue.depth else "is idle")
    if queue.consumers == 0 and queue.depth:
        return _abandoned(queue, queue.depth, now)
    return _consumed(queue, queue.depth)


def _abandoned(queue: QueueFacts, depth: int, now: datetime) -> Level:
    backlog = f"holds {formatting.count(depth, 'message')}"
    if queue.publish_per_second is None:
        return Level("warning", f"{backlog} and nobody consumes it")
    if not queue.publish_per_second:
        return Level("notice", f"{backlog} and nobody consumes it")  # dead letters are no publishes: the broker counts them nowhere
    since = queue.nobody_consumes_since
    if since is not None and now - since < LEFT_ALONE:
        return Level("warning", "has no consumer at the moment")
    return Level("critical", "is growing and nobody consumes it")


def _consumed(queue: QueueFacts, depth: int) -> Level:
    growth = growth_per_second(queue)
    full_in = time_to_limit(queue)
    if full_in is not None and full_in <= SOON:
        limit = length_limit(queue)
        return Level("warning", f"reaches its length limit of {formatting.number(limit)} in {formatting.duration(full_in)}")
    if growth is not None and depth >= WORTH_A_LOOK_DEPTH and growth >= max(0.1, 0.1 * (queue.publish_per_second or 0)):
        return Level("notice", f"is growing by {formatting.rate(growth)}/s")
    if depth and queue.consumers is None:
        return Level("ok", "holds messages; its consumers are unknown")
    return Level("ok", "is active" if depth or queue.publish_per_second else "is idle")


def growth_per_second(queue: QueueFacts) -> float | None:
    """Publish rate minus acknowledge rate (deliver rate, where acknowledgements are not reported); None if unknown."""
    out = queue.ack_per_second if queue.ack_per_second is not None else queue.deliver_per_second
    if queue.publish_per_second is None or out is None:
        return None
    return queue.publish_per_second - out


def length_limit(queue: QueueFacts) -> int | None:
    """The queue's max-length, by argument or policy: the smaller one counts (rabbitmq.com, "Queue Length Limit"). None: no limit."""
    return _smaller(queue, "max-length")


def _smaller(queue: QueueFacts, key: str) -> int | None:
    """A number that argument and policy may both set, where RabbitMQ takes the smaller one; None if neither does."""
    found = [(queue.arguments or {}).get(f"x-{key}"), (queue.effective_policy or {}).get(key)]
    return min((int(number) for number in found if isinstance(number, int) and not isinstance(number, bool)), default=None)


def time_to_limit(queue: QueueFacts) -> timedelta | None:
    """When the length limit is reached at the present growth; None without a limit or growth, beyond a year, or if messages
    expire before the limit is reached."""
    limit, growth, ttl_ms = length_limit(queue), growth_per_second(queue), _smaller(queue, "message-ttl")
    if limit is None or growth is None or growth <= 0 or queue.depth is None:
        return None
    if ttl_ms is not None and max(queue.depth, (queue.publish_per_second or 0) * ttl_ms / 1000) < limit:
        return None
    seconds = max(0.0, limit - queue.depth) / growth
    return timedelta(seconds=seconds) if seconds < timedelta(days=365).total_seconds() else None


def worker_level(worker: WorkerFacts, now: datetime) -> Level:
    """The level of a worker node. One that left without tasks is only a notice, as scaling down looks the same."""
    if worker.state == "gone":
        held = (worker.active or 0) + (worker.reserved or 0)
        return Level("critical", f"is gone with {formatting.count(held, 'task')}") if held else Level("notice", "is gone; it held no known task")
    if worker.state != "online":
        return Level("unknown", worker.reason or "no heartbeat received yet")
    if worker.clock_skew_seconds is not None and abs(worker.clock_skew_seconds) > CLOCK_SKEW_SECONDS:
        return Level("notice", f"has a clock that is {formatting.duration(abs(worker.clock_skew_seconds))} off")
    if worker.events_off:
        return Level("notice", "sends no task events")
    return Level("ok", "online, responding")


def worst(levels: Iterable[Level]) -> Level | None:
    """The worst of the levels, the first one among equals; None of none."""
    return min(levels, key=lambda level: WORST_FIRST.index(level.word), default=None)


def counted(levels: Sequence[Level]) -> dict[Word, int]:
    """How many there are of each level, the worst first; without the empty ones."""
    return {word: amount for word in WORST_FIRST if (amount := sum(level.word == word for level in levels))}
