"""Is a worker online, gone, or unknown, and why? Pure: data and time in, state and reason out.

Missing heartbeats alone prove nothing while we receive no events, while a solo pool runs a task (it sends none then), while the broker still
shows the worker's connection, while the broker blocks publishers, or shortly after it restarted or dropped connections: then the state is unknown,
never gone. Nor does a worker-offline event prove anything at once: a worker that lost its connection sends one too, as soon as it has another
connection (Celery keeps the event until then), and worker-online a second or more later. While we are behind ourselves, the missing heartbeats may
still wait for us (`Reading`): then the worker keeps its last state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

State = Literal["online", "gone", "unknown"]
Silence = Literal["", "shut down", "connected", "disconnected", "blocked"]
"""How a worker fell silent, where that is known: it shut down; the broker still has its connection, or closed it; or the broker takes nothing from it."""

MISSED_HEARTBEATS = 4
SHUT_DOWN = "it shut down cleanly"
STILL_CONNECTED = "control queue still present at the last poll of the broker"
CONTROL_QUEUE_GONE = "its control queue is gone from the broker"
DEFAULT_FREQUENCY = timedelta(seconds=2)
ANSWER_HOLDS = timedelta(seconds=12)
MAY_RECONNECT = timedelta(seconds=3)  # within which a worker that only reconnects sends worker-online
MAY_RECONNECT_AFTER_BREAK = timedelta(seconds=10)  # the same where all workers reconnect at once
ALARM_NOTICED = timedelta(seconds=60)
"""Within which a poll shows an alarm: until then, and since the broker began to block, no heartbeat arrives."""
RECONNECTING = timedelta(seconds=60)  # kombu waits 2, 4, 6 … up to 32 s between its tries to connect


class Subscription(msgspec.Struct, frozen=True):
    """Whether we receive events, or answers. If `reason` is "", since `since`; else not since then, for that reason (a clause)."""

    since: datetime
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True):
    """What shows whether a worker is alive. Moments are by our clock. `control_queue`: whether the broker shows its control queue; None if not known."""

    heartbeat_at: datetime | None = None
    frequency: timedelta = DEFAULT_FREQUENCY
    offline_at: datetime | None = None
    answered_at: datetime | None = None
    last_event_at: datetime | None = None
    arrived_at: datetime | None = None  # the last heartbeat, whenever it was sent
    pool: str | None = None
    control_queue: bool | None = None


class Disturbance(msgspec.Struct, frozen=True):
    """Something that also cut workers off from the broker, over since `at`. `what` is a clause: "the broker's node rabbit@a started"."""

    at: datetime
    what: str


class Blocked(msgspec.Struct, frozen=True):
    """An alarm by which the broker takes nothing from publishers, heartbeats included. `consumers`: by worker, how many of its consumers are attached."""

    since: datetime
    consumers: Mapping[str, int] = {}

    def of(self, hostname: str) -> BlockedFrom:
        return BlockedFrom(self.since, self.reason(hostname))

    def reason(self, hostname: str) -> str:
        """A clause.

        >>> Blocked(datetime(2026, 11, 29, 3, 2, tzinfo=UTC), {"a@h": 2}).reason("a@h")
        'the broker blocks publishers since 2026-11-29 03:02:00 UTC, 2 consumers attached'
        """
        found = self.consumers.get(hostname)
        attached = "" if found is None else f", {found:,} consumer{'' if found == 1 else 's'} attached"
        return f"the broker blocks publishers since {_clock(self.since)}{attached}"


class BlockedFrom(msgspec.Struct, frozen=True):
    """That the broker takes nothing from one worker, with the reason as a clause."""

    since: datetime
    reason: str

    def covers(self, last_seen_at: datetime | None, patience: timedelta) -> bool:
        """Whether a worker whose last sign is from that moment may be silent for it alone. The alarm is noticed some seconds after it was set."""
        return last_seen_at is None or last_seen_at >= self.since - patience - ALARM_NOTICED


class Visible(msgspec.Struct, frozen=True):
    """What the broker shows of the workers of a virtual host, at the poll of `polled_at`. `controlled`: those that have a control queue; None if we may
    not see queues."""

    polled_at: datetime | None = None
    controlled: frozenset[str] | None = None
    blocked: Blocked | None = None

    def has_control_queue(self, hostname: str) -> bool | None:
        """None: not known."""
        return None if self.controlled is None else hostname in self.controlled

    def blocked_too(self, since: datetime | None) -> Visible:
        """The same with what our own connection shows: the broker blocks it since then. It may do so for a user who can't see its alarms."""
        return self if since is None or self.blocked is not None else msgspec.structs.replace(self, blocked=Blocked(since))

    def blocked_by(self, hostname: str) -> BlockedFrom | None:
        return None if self.blocked is None else self.blocked.of(hostname)


NOTHING_VISIBLE = Visible()


class Reading:
    """Since when we read events without a standstill of our own: a locked database, a machine that gives us no time or sleeps, a clock set forward. Pure."""

    STANDSTILL_SECONDS = 2.0

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._noted_at: datetime | None = None
        self._stood_until: datetime | None = None

    def note(self, at: float, now: datetime) -> None:
        """We are about to read, or to assess workers. `at`: seconds of a monotonic clock."""
        if self._read_at is not None and self._noted_at is not None:
            passed = max(at - self._read_at, (now - self._noted_at).total_seconds())  # by the clock too: it stops in no sleep, and may be set
            self._stood_until = now if passed > self.STANDSTILL_SECONDS else self._stood_until
        self._read_at, self._noted_at = at, now

    def listening(self, subscription: Subscription) -> Subscription:
        """`subscription`, beginning no earlier than the end of the last standstill."""
        if subscription.reason or self._stood_until is None or self._stood_until <= subscription.since:
            return subscription
        return Subscription(self._stood_until)


class Liveness(msgspec.Struct, frozen=True):
    """A worker's state. `since`: when it began, as far as known; `reason` is "" while the worker is online and nothing is odd."""

    state: State
    reason: str
    since: datetime | None
    silence: Silence = ""


def silent_after(frequency: timedelta) -> timedelta:
    """After how long without a heartbeat a worker counts as silent."""
    return frequency * MISSED_HEARTBEATS


def assess(
    evidence: Evidence, subscription: Subscription, now: datetime, disturbance: Disturbance | None = None, blocked: BlockedFrom | None = None
) -> Liveness | None:
    """The worker's state, or None to keep the last one: we have only just begun to receive events again, or its heartbeats arrive late.

    `blocked`: that the broker takes nothing from it.
    """
    heartbeat_at = evidence.heartbeat_at
    if evidence.offline_at is not None and (heartbeat_at is None or heartbeat_at <= evidence.offline_at):
        reason = _why_it_may_be_back(heartbeat_at, evidence.offline_at, now, disturbance)
        if not reason:
            return Liveness("gone", SHUT_DOWN, evidence.offline_at, "shut down")
        if evidence.answered_at is None or evidence.answered_at <= evidence.offline_at:
            return Liveness("unknown", reason, evidence.offline_at)
    patience = silent_after(evidence.frequency)
    if not subscription.reason and heartbeat_at is not None and now - heartbeat_at <= patience:
        return Liveness("online", "", None)
    answers = evidence.answered_at is not None and now - evidence.answered_at <= ANSWER_HOLDS
    if answers:
        return Liveness("online", "" if subscription.reason else _heartbeats_off(evidence), None)
    if not subscription.reason and evidence.arrived_at is not None and now - evidence.arrived_at <= patience:
        return None
    last_seen_at = max((at for at in (heartbeat_at, evidence.answered_at) if at is not None), default=None)
    if subscription.reason:
        found = _not_receiving(evidence, subscription)
    elif now - subscription.since <= patience:
        return None
    else:
        found = _without_heartbeat(evidence, heartbeat_at or evidence.answered_at)
    if blocked is not None and not subscription.reason and blocked.covers(last_seen_at, patience):
        return Liveness("unknown", blocked.reason, blocked.since, "blocked")
    if found.state == "gone" and disturbance is not None and _excuses(disturbance, last_seen_at, now):
        return _reconnecting(disturbance, subscription, last_seen_at)
    return found


def _why_it_may_be_back(heartbeat_at: datetime | None, offline_at: datetime, now: datetime, disturbance: Disturbance | None) -> str:
    """Why the worker may come back although it sent worker-offline, as a clause; "" if that was long enough ago."""
    if disturbance is not None and disturbance.at <= offline_at and _excuses(disturbance, heartbeat_at, offline_at):
        if now - offline_at <= MAY_RECONNECT_AFTER_BREAK:
            return f"{disturbance.what} at {_clock(disturbance.at)}, and then it sent worker-offline, as a worker does that reconnects"
    elif now - offline_at <= MAY_RECONNECT:
        return f"it sent worker-offline at {_clock(offline_at)}: it is shutting down, or reconnecting and back within seconds"
    return ""


def _excuses(disturbance: Disturbance, last_seen_at: datetime | None, now: datetime) -> bool:
    return now - disturbance.at <= RECONNECTING and (last_seen_at is None or last_seen_at <= disturbance.at)


def _reconnecting(disturbance: Disturbance, subscription: Subscription, last_seen_at: datetime | None) -> Liveness:
    if subscription.reason:
        return Liveness("unknown", subscription.reason, subscription.since)
    reason = f"{disturbance.what} at {_clock(disturbance.at)}, and nothing has been received from it since: it may still be reconnecting"
    return Liveness("unknown", reason, last_seen_at)


def _not_receiving(evidence: Evidence, subscription: Subscription) -> Liveness:
    if evidence.control_queue is False and evidence.answered_at is not None:
        return Liveness("gone", f"it stopped responding and {CONTROL_QUEUE_GONE}", evidence.answered_at, "disconnected")
    return Liveness("unknown", subscription.reason, subscription.since)


def _heartbeats_off(evidence: Evidence) -> str:
    return "it responds, but sends no heartbeats" + (": they are off (--without-heartbeat)" if evidence.heartbeat_at is None else "")


def _without_heartbeat(evidence: Evidence, last_seen_at: datetime | None) -> Liveness:
    if last_seen_at is None:
        are_off = evidence.control_queue is False
        why = "its heartbeats (--without-heartbeat) and its remote control are off" if are_off else "it has sent no heartbeat"
        seen = f"; its last event arrived at {_clock(evidence.last_event_at)}" if evidence.last_event_at else ""
        return Liveness("unknown", f"{why}{seen}", evidence.last_event_at)
    silence = f"no heartbeat since {_clock(last_seen_at)}"
    if evidence.control_queue is not False and evidence.pool == "solo":
        return Liveness("unknown", f"{silence}: a solo pool sends none while it runs a task", last_seen_at)
    if evidence.control_queue:
        return Liveness("unknown", f"{silence}; {STILL_CONNECTED}", last_seen_at, "connected")
    closed = f", and {CONTROL_QUEUE_GONE}" if evidence.control_queue is False else ""
    how: Silence = "disconnected" if closed else ""
    return Liveness("gone", f"{silence}; it sent one every {evidence.frequency.total_seconds():g} s{closed}", last_seen_at, how)


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
