"""Learns what is usual of each queue from the stored snapshots: a job of the maintenance process.

Each hour once: its keyframes become a row of medians, and all such rows what is usual in the hour that begins.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from brokers import unreadable, usual_hours
from brokers.models import Broker
from brokers.queries import brokers
from brokers.queries.frames import frames
from brokers.queries.usuals import usual_hours as stored_hours
from brokers.queries.usuals import usual_hours_data, usuals_at
from brokers.scope import EVERYTHING
from brokers.snapshots import UnreadableSnapshot
from brokers.store.usuals import save_usual_hours, save_usuals

LOOKS_BACK = timedelta(hours=24)
AT_ONCE = 6
"""So many hours of a broker at most are read in one go, so that no run takes long: the rest with the next."""
KEPT = usual_hours.WEEKS * usual_hours.WEEK + timedelta(days=1)


def learn_usuals(now: datetime) -> None:
    """Does what has become due for each broker. What can't be read is left out, with a line in the log an hour."""
    for broker in brokers(EVERYTHING):
        _learn(broker, now.replace(minute=0, second=0, microsecond=0))


def _learn(broker: Broker, hour: datetime) -> None:
    known = set(stored_hours(broker.pk, hour - LOOKS_BACK))
    missing = [at for back in range(int(LOOKS_BACK / usual_hours.HOUR), 0, -1) if (at := hour - back * usual_hours.HOUR) not in known]
    found = []
    for at in missing:
        keyframes = [
            (moment, data)
            for moment, data in frames(broker.pk, "queues", at, at + usual_hours.HOUR, only_keyframes=True)
            if at <= moment < at + usual_hours.HOUR
        ]
        if not keyframes:
            continue
        try:
            numbers = usual_hours.hour_of(keyframes)
        except UnreadableSnapshot as error:
            unreadable.warn("an_hour_could_not_be_read", broker=broker.name, hour=at.isoformat(), reason=str(error))
            continue
        found.append((at, usual_hours.encode(numbers)))
        if len(found) == AT_ONCE:
            break
    if found:
        save_usual_hours(broker.pk, found, hour - KEPT)
    if found or usuals_at(broker.pk) != hour:
        same = [hour - week * usual_hours.WEEK for week in range(1, usual_hours.WEEKS + 1)]
        stored = usual_hours_data(broker.pk, hour - usual_hours.HOURS * usual_hours.HOUR, same)
        hours = {at: read for at, data in stored.items() if (read := _decoded(broker, at, data)) is not None}
        save_usuals(broker.pk, hour, usual_hours.encode(usual_hours.learned(hours, hour)))


def _decoded(broker: Broker, at: datetime, data: bytes) -> usual_hours.Numbers | None:
    try:
        return usual_hours.decode(data)
    except ValueError as error:
        unreadable.warn("an_hour_could_not_be_read", broker=broker.name, hour=at.isoformat(), reason=str(error))
        return None
