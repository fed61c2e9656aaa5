"""Levels: how well a broker, its nodes or a worker node is, with the reason as text. Those of queues are in `dashboard.layout.queue_levels`.

Pure: functions of the stored numbers and the time. What is not visible is "unknown" with its reason; never "down", never 0.
While the rules look, pages show the levels of findings instead (`dashboard.findings.open_now`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from brokers import parts
from brokers.clock import is_within
from dashboard.layout import formatting

Word = Literal["ok", "notice", "warning", "critical", "unknown"]
NAMES: Mapping[str, str] = {"ok": "healthy", "notice": "notice", "warning": "warning", "critical": "critical", "unknown": "unknown"}
WORST_FIRST: tuple[Word, ...] = ("critical", "warning", "unknown", "notice", "ok")


def rank(level: str) -> int:
    """The place of a level: 0 is the worst. Raises KeyError of what is none.

    >>> rank("critical"), rank("ok")
    (0, 4)
    """
    return _RANKS[level]


_RANKS: dict[str, int] = {word: place for place, word in enumerate(WORST_FIRST)}

STALE_INTERVALS = 3
DEFAULT_POLL_SECONDS = 5.0
CLOCK_SKEW_SECONDS = 5.0


class Level(msgspec.Struct, frozen=True):
    """How well something is. `reason` is a clause without a full stop that can follow a name: "grows and nobody consumes it"."""

    word: Word
    reason: str
    label: str = ""  # in place of the usual name of the word: "idle" is no trouble, but not known to be healthy either

    @property
    def name(self) -> str:
        """The word that people read: "healthy" for ok."""
        return self.label or NAMES[self.word]

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
    def since(self) -> datetime | None: ...
    @property
    def same_as(self) -> str: ...
    @property
    def polled_at(self) -> datetime | None: ...
    @property
    def poll_seconds(self) -> float | None: ...
    @property
    def poll_ms(self) -> float | None: ...
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


def holds_for(broker: BrokerFacts) -> timedelta:
    """How old the broker's numbers are before they count as old: three intervals, and twice what a poll takes. They are as old as its start, so those of a
    broker that answers slowly are two polls old when the next are stored."""
    interval = broker.poll_seconds or DEFAULT_POLL_SECONDS
    return timedelta(seconds=STALE_INTERVALS * interval, milliseconds=2 * (broker.poll_ms or 0.0))


def is_stale(broker: BrokerFacts, now: datetime) -> bool:
    """True once the broker's numbers are older than they hold, or if there never were any."""
    return broker.polled_at is None or not is_within(broker.polled_at, now, holds_for(broker))


def unavailable(broker: BrokerFacts, now: datetime) -> str:
    """Why the state of the broker's queues is unknown, as a clause ("prod is unreachable"); "" while the broker responds."""
    if broker.same_as:
        return f"{broker.name} is the same cluster as {broker.same_as}, which is watched under that name"
    if broker.state == "unreachable":
        return f"{broker.name} is unreachable"
    if broker.state == "refused":
        return f"{broker.name} refuses Hareline's user"
    if broker.state == "not recorded":
        return f"nothing is recorded of {broker.name} at that moment"
    if broker.polled_at is None:
        return f"{broker.name} has not been polled yet"
    if is_stale(broker, now):
        if broker.polled_at > now:
            return f"{broker.name} has not been polled since this machine's clock was set back"
        return f"{broker.name} was last polled at {formatting.moment_text(broker.polled_at, now)}"  # an age would stand still on open pages
    return ""


def read_at(broker: BrokerFacts, part: str) -> datetime | None:
    """The moment of what is shown of a part of the poll (see `brokers.parts`): of the last poll, or of the one before the part could not be read any more."""
    since = next((limit["since"] for limit in broker.limits if limit.get("part") == part), None)
    return datetime.fromisoformat(since) if since else broker.polled_at


def unread(broker: BrokerFacts, part: str, now: datetime) -> str:
    """Since when a part of the poll can't be read though the broker responds, as a clause; "" if it can."""
    if not any(limit.get("part") == part for limit in broker.limits):
        return ""
    return f"the {part} of {broker.name} have not been read for {formatting.age(read_at(broker, part), now)}"


def blocked_text(broker: BrokerFacts, now: datetime) -> str:
    """Why nothing can be published to the broker now, as a sentence; "" if it takes messages, or where that is not known."""
    if not broker.alarms or unavailable(broker, now):
        return ""
    listed = formatting.listed(sorted({f"{alarm.get('resource')} alarm on {alarm.get('node')}" for alarm in broker.alarms}))
    since = blocked_since(broker.alarms)
    when = f" since {formatting.moment_text(since, now)}" if since else ""
    return f"{broker.name} blocks publishers{when} ({listed}): nothing can be sent until it clears."


def blocked_since(alarms: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the first of these alarms was seen."""
    return min((datetime.fromisoformat(str(alarm["since"])) for alarm in alarms if alarm.get("since")), default=None)


def broker_level(broker: BrokerFacts, now: datetime) -> Level:
    if broker.same_as:
        return Level("notice", f"is the same cluster as {broker.same_as}, and is watched under that name alone", "watched once")
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
