"""How well a connection is, by the state that RabbitMQ reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from brokers.models import Broker, Connection
from dashboard.layout import levels
from dashboard.layout.levels import Level

OPENING = ("starting", "tuning", "opening", "securing")
STATES: Mapping[str, Level] = {
    "running": Level("ok", ""),
    "flow": Level("notice", "it publishes faster than the broker can take, so the broker slows it down"),
    "blocking": Level("warning", "an alarm is set: the broker blocks it as soon as it publishes"),
    "blocked": Level("critical", "an alarm is set and it has published: the broker takes nothing more from it"),
    **{state: Level("notice", "it is being opened") for state in OPENING},
    "closing": Level("notice", "it is being closed"),
    "closed": Level("notice", "it is closed"),
}
CHOICES = ("running", "flow", "blocking", "blocked", *OPENING, "closing")


def connection_level(connection: Connection, broker: Broker, now: datetime) -> Level:
    """The level and, where it is not ok, the reason; unknown while the broker does not respond, or for a state that RabbitMQ did not have so far."""
    if connection.gone_at:
        return Level("unknown", "it is closed")
    if hidden := levels.unavailable(broker, now):
        return Level("unknown", hidden)
    if not connection.state:
        return Level("unknown", "the broker does not report its state")
    return STATES.get(connection.state, Level("unknown", f"the broker calls its state {connection.state}"))


def state_word(connection: Connection) -> str:
    """The state as people read it.

    >>> state_word(Connection(state="flow")), state_word(Connection(state="tuning")), state_word(Connection(state=""))
    ('flow control', 'opening', 'unknown')
    """
    if connection.gone_at:
        return "closed"
    if connection.state in OPENING:
        return "opening"
    return {"flow": "flow control", "": "unknown"}.get(connection.state, connection.state)
