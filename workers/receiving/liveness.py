"""Is a worker online, gone, or unknown, and why? Pure: data and time in, words out.

Silence alone proves nothing while we don't listen, while a solo pool runs a task (it sends no heartbeat then), while the broker still shows
the worker's connection, or shortly after the broker restarted or dropped connections: then the answer is unknown, never gone. Nor does a
goodbye prove anything at once: a worker that lost its connection says goodbye too, as soon as it has another one (Celery keeps the event until
then), and that it is online a second or more later. Nor does silence while we are behind ourselves, since the heartbeats that seem to lack may
wait for us (`Reading`): then what was said before still stands.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

State = Literal["online", "gone", "unknown"]

MISSED_HEARTBEATS = 4
GOODBYE = "it shut down and said so"
DEFAULT_FREQUENCY = timedelta(seconds=2)
ANSWER_HOLDS = timedelta(seconds=12)
GOODBYE_DOUBTED = timedelta(seconds=3)  # within which a worker that only connects again says that it is online
GOODBYE_DOUBTED_AFTER_BREAK = timedelta(seconds=10)  # the same where all workers connect again at once
RECONNECTING = timedelta(seconds=60)  # kombu waits 2, 4, 6 … up to 32 s between its tries to connect


class Hearing(msgspec.Struct, frozen=True):
    """Whether we receive events. Listening since `since` if `reason` is "", else deaf since then for that reason (a sentence)."""

    since: datetime
    reason: str = ""


class Signs(msgspec.Struct, frozen=True):
    """What is known of one worker. Moments are by our clock. `control_queue`: does the broker show its control queue; None if not known."""

    heartbeat_at: datetime | None = None
    frequency: timedelta = DEFAULT_FREQUENCY
    said_goodbye_at: datetime | None = None
    answered_at: datetime | None = None
    last_event_at: datetime | None = None
    arrived_at: datetime | None = None  # the last heartbeat, whenever it was sent
    pool: str | None = None
    control_queue: bool | None = None


class Disturbance(msgspec.Struct, frozen=True):
    """Something that parted workers from the broker too, over since `at`. `what` is a clause: "the broker's node rabbit@a started"."""

    at: datetime
    what: str


class Reading:
    """Since when we read events without a standstill of our own: a locked database, a machine that gives us no time. Pure."""

    STANDSTILL_SECONDS = 2.0

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._stood_until: datetime | None = None

    def note(self, at: float, now: datetime) -> None:
        """We are about to read, or to judge. `at`: seconds of a monotonic clock."""
        if self._read_at is not None and at - self._read_at > self.STANDSTILL_SECONDS:
            self._stood_until = now
        self._read_at = at

    def listening(self, hearing: Hearing) -> Hearing:
        """`hearing`, listening only since the last standstill."""
        if hearing.reason or self._stood_until is None or self._stood_until <= hearing.since:
            return hearing
        return Hearing(self._stood_until)


class Judgement(msgspec.Struct, frozen=True):
    """`since`: when that state began, as far as known; `reason` is "" while online and nothing is odd."""

    state: State
    reason: str
    since: datetime | None


def silent_after(frequency: timedelta) -> timedelta:
    """After how long without a heartbeat a worker counts as silent."""
    return frequency * MISSED_HEARTBEATS


def judge(signs: Signs, hearing: Hearing, now: datetime, disturbance: Disturbance | None = None) -> Judgement | None:
    """None: too early to say, what was said before still stands (we only just began to listen again, or its heartbeats reach us late)."""
    heartbeat_at = signs.heartbeat_at
    if signs.said_goodbye_at is not None and (heartbeat_at is None or heartbeat_at <= signs.said_goodbye_at):
        doubt = _goodbye_doubt(heartbeat_at, signs.said_goodbye_at, now, disturbance)
        if not doubt:
            return Judgement("gone", GOODBYE, signs.said_goodbye_at)
        if signs.answered_at is None or signs.answered_at <= signs.said_goodbye_at:
            return Judgement("unknown", doubt, signs.said_goodbye_at)
    patience = silent_after(signs.frequency)
    if not hearing.reason and heartbeat_at is not None and now - heartbeat_at <= patience:
        return Judgement("online", "", None)
    answers = signs.answered_at is not None and now - signs.answered_at <= ANSWER_HOLDS
    if answers:
        return Judgement("online", "" if hearing.reason else "it answers, but sends no heartbeats", None)
    if not hearing.reason and signs.arrived_at is not None and now - signs.arrived_at <= patience:
        return None
    last_sign = max((at for at in (heartbeat_at, signs.answered_at) if at is not None), default=None)
    if hearing.reason:
        found = _unheard(signs, hearing)
    elif now - hearing.since <= patience:
        return None
    else:
        found = _silent(signs, heartbeat_at or signs.answered_at)
    if found.state == "gone" and disturbance is not None and _excuses(disturbance, last_sign, now):
        return _reconnecting(disturbance, hearing, last_sign)
    return found


def _goodbye_doubt(heartbeat_at: datetime | None, said_at: datetime, now: datetime, disturbance: Disturbance | None) -> str:
    """Why it may be there although it said goodbye, as a sentence; "" if that was long enough ago."""
    if disturbance is not None and disturbance.at <= said_at and _excuses(disturbance, heartbeat_at, said_at):
        if now - said_at <= GOODBYE_DOUBTED_AFTER_BREAK:
            return f"{disturbance.what} at {_clock(disturbance.at)}, and then it said goodbye, as a worker does that connects again"
    elif now - said_at <= GOODBYE_DOUBTED:
        return f"it said goodbye at {_clock(said_at)}: it shuts down, or connects to the broker again and is back within seconds"
    return ""


def _excuses(disturbance: Disturbance, last_sign: datetime | None, now: datetime) -> bool:
    return now - disturbance.at <= RECONNECTING and (last_sign is None or last_sign <= disturbance.at)


def _reconnecting(disturbance: Disturbance, hearing: Hearing, last_sign: datetime | None) -> Judgement:
    if hearing.reason:
        return Judgement("unknown", hearing.reason, hearing.since)
    return Judgement("unknown", f"{disturbance.what} at {_clock(disturbance.at)}, and no sign of it has come since: it may still be reconnecting", last_sign)


def _unheard(signs: Signs, hearing: Hearing) -> Judgement:
    if signs.control_queue is False and signs.answered_at is not None:
        return Judgement("gone", "it stopped answering and its control queue is gone from the broker", signs.answered_at)
    return Judgement("unknown", hearing.reason, hearing.since)


def _silent(signs: Signs, last_sign: datetime | None) -> Judgement:
    if last_sign is None:
        seen = f"; its last event came at {_clock(signs.last_event_at)}" if signs.last_event_at else ""
        return Judgement("unknown", f"it has sent no heartbeat{seen}", signs.last_event_at)
    silence = f"no heartbeat since {_clock(last_sign)}"
    if signs.control_queue is not False and signs.pool == "solo":
        return Judgement("unknown", f"{silence}: a solo pool sends none while it runs a task", last_sign)
    if signs.control_queue:
        return Judgement("unknown", f"{silence}, but its connection to the broker is open", last_sign)
    closed = ", and its control queue is gone from the broker" if signs.control_queue is False else ""
    return Judgement("gone", f"{silence}; it sent one every {signs.frequency.total_seconds():g} s{closed}", last_sign)


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
