"""Which periodic tasks are known, from whom, and what was seen of them in the last day; for the page and the API alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings

from brokers.scope import Scope
from dashboard.periodic import strip
from dashboard.periodic.text import State, state_of
from workers import queries
from workers.periodic.entries import Entry, merged, sends
from workers.periodic.observed import LEAST_RUNS, observed_period
from workers.periodic.schedules import Every, period
from workers.periodic.slots import Slot, grace, next_due, slots
from workers.queries.periodic import MOST_REGULAR, MOST_RUNS, SeenRun
from workers.user_app.client import AppUnavailable, application

MOST_SHOWN = 200
MOST_LOOKED_AT = 150
"""Of a name, so many runs at the end are looked at for a period."""


class Known(msgspec.Struct, frozen=True):
    """A periodic task of a virtual host. `slots` are those of the last day; `seen_from`: since when events are received there, None: they are not."""

    broker_id: int
    broker: str
    vhost: str
    entry: Entry
    slots: Sequence[Slot]
    runs: Sequence[SeenRun]
    next_at: datetime | None
    level: str
    state: State
    sentence: str
    seen_from: datetime | None

    @property
    def last(self) -> SeenRun | None:
        return self.runs[-1] if self.runs else None


class PeriodicTasks(msgspec.Struct, frozen=True):
    """`left_out`: how many are not shown. `troubles`: sentences on sources that can’t be read."""

    items: Sequence[Known]
    left_out: int = 0
    troubles: Sequence[str] = ()


def periodic_tasks(scope: Scope, broker: int | None, vhost: str | None, now: datetime, with_application: bool = True) -> PeriodicTasks:
    """Those of the virtual hosts that are visible as a whole: who may see only some queues could else read of others from what was missed.
    `with_application` False: without HARELINE_CELERY_APP, for a process that loads no code of others."""
    places = [place for place in queries.reported_schedules(scope) if (broker is None or place[0] == broker) and (vhost is None or place[2] == vhost)]
    places, troubles = _with_application(scope, broker, vhost, places) if with_application else (places, [])
    places = _with_observed(scope, broker, vhost, places, now)
    start = strip.begins(now)
    found: list[Known] = []
    left_out = 0
    for broker_id, name, there, entries in places:
        shown = entries[: MOST_SHOWN - len(found)]
        left_out += len(entries) - len(shown)
        if shown:
            found += _known((broker_id, name, there), shown, start, now, queries.receiving_since(broker_id, there))
    return PeriodicTasks(found, left_out, troubles)


_Places = list[tuple[int, str, str, list[Entry]]]


def _with_application(scope: Scope, broker: int | None, vhost: str | None, places: _Places) -> tuple[_Places, list[str]]:
    """With the entries of HARELINE_CELERY_APP, in each virtual host whose workers have registered the task."""
    if not settings.CELERY_APP:
        return places, []
    try:
        entries = application(settings.CELERY_APP).periodic()
    except AppUnavailable as error:
        return places, [str(error)]
    found = {place[:3]: list(place[3]) for place in places}
    registered = queries.places_with_task(scope)
    homeless = set()
    for entry in entries:
        there = [place for place in registered.get(entry.task, ()) if broker in (None, place[0]) and vhost in (None, place[2])]
        for place in there:
            found.setdefault(place, []).append(entry)
        homeless |= set() if there else {entry.task}
    troubles = [f"No worker node has registered {name}, which {settings.CELERY_APP} schedules." for name in sorted(homeless)[:5]] if broker is None else []
    return [(*place, merged(of_place)) for place, of_place in sorted(found.items(), key=lambda one: one[0][1:])], troubles


def _with_observed(scope: Scope, broker: int | None, vhost: str | None, places: _Places, now: datetime) -> _Places:
    """With the tasks that come regularly by no schedule that is known, after those of each virtual host."""
    found = {place[:3]: list(place[3]) for place in places}
    for place, names in queries.frequent_names(scope, LEAST_RUNS, now).items():
        if broker not in (None, place[0]) or vhost not in (None, place[2]):
            continue
        scheduled = {entry.task for entry in found.get(place, ())}
        wanted = [name for name in names if name not in scheduled][:MOST_REGULAR]
        runs = queries.runs_of((place[0], place[2]), wanted, now - strip.DAY, dict.fromkeys(wanted, MOST_LOOKED_AT))
        for name, seen in sorted(runs.items()):
            if apart := observed_period((one.run.at for one in seen), now):
                entry = Entry(name, name, Every(apart.total_seconds()), args=None, kwargs=None, observed_runs=len(seen))
                found.setdefault(place, []).append(entry)
    return [(*place, entries) for place, entries in sorted(found.items(), key=lambda one: one[0][1:])]


def _known(place: tuple[int, str, str], entries: Sequence[Entry], start: datetime, now: datetime, seen_from: datetime | None) -> list[Known]:
    shared = Counter(entry.task for entry in entries)
    most = {entry.task: shared[entry.task] * _expected(entry, now) for entry in entries}
    longest = max((period(entry.schedule, now) or timedelta() for entry in entries), default=timedelta())
    runs = queries.runs_of((place[0], place[2]), [entry.task for entry in entries], start - min(longest, strip.DAY), most)
    found = []
    for entry in entries:
        own = [seen for seen in runs.get(entry.task, ()) if shared[entry.task] == 1 or sends(entry, seen.args, seen.kwargs)]
        day = slots(entry.schedule, [seen.run for seen in own], start, now, seen_from or now)
        day = day if own or seen_from is None else _never_seen(entry, day, start, now, seen_from)
        found.append(Known(*place, entry, day, own, next_due(entry.schedule, [seen.run for seen in own], now), *state_of(entry, day, now), seen_from))
    return found


def _never_seen(entry: Entry, day: list[Slot], start: datetime, now: datetime, seen_from: datetime) -> list[Slot]:
    """Of an interval without any run there is nothing to count from: it was due at the latest one period after events were received."""
    apart = period(entry.schedule, now)
    if day or apart is None:
        return day
    due = max(seen_from, start) + apart
    return [Slot(due, "missed")] if due + grace(apart) <= now else []


def _expected(entry: Entry, now: datetime) -> int:
    """How many runs of a day there are, and some more."""
    apart = period(entry.schedule, now) or timedelta(minutes=1)
    return min(int(2 * strip.DAY / apart) + 20, MOST_RUNS)
