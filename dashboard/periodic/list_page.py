"""What the page of periodic tasks shows: each with its schedule, its last and next run, and the strip of a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import formatting
from dashboard.layout.addresses import tasks_address
from dashboard.layout.filter_language import quoted
from dashboard.layout.visibility import Step
from dashboard.live import topics
from dashboard.periodic import strip
from dashboard.periodic.known import Known, PeriodicTasks, periodic_tasks
from dashboard.periodic.text import day_text, schedule_text
from dashboard.tasks.states import STATES
from dashboard.workers.visibility import no_events
from workers import queries
from workers.periodic.entries import Entry

ORDER = {"critical": 0, "warning": 1, "unknown": 2, "off": 3, "ok": 4}


class Row(msgspec.Struct, frozen=True):
    known: Known
    schedule: str
    schedule_title: str
    origin: str
    last_age: str
    last_state: str
    next_text: str
    cells: Sequence[strip.Cell]
    strip_text: str
    day: str
    task_address: str
    last_address: str


class PeriodicPage:
    """`broker` and `vhost`: those that the frame’s switchers chose; None is all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.brokers, self.broker, self.vhost, self.now = scope, brokers, broker, vhost, now

    @cached_property
    def found(self) -> PeriodicTasks:
        return periodic_tasks(self.scope, self.broker.pk if self.broker else None, self.vhost, self.now)

    @cached_property
    def rows(self) -> list[Row]:
        ordered = sorted(self.found.items, key=lambda one: (ORDER.get(one.level, 9), one.entry.name.casefold(), one.vhost))
        return [self._row(known) for known in ordered]

    def _row(self, known: Known) -> Row:
        entry, last = known.entry, known.last
        shown = strip.cells(known.slots, strip.begins(self.now))
        overdue = known.next_at is not None and known.next_at < self.now and entry.enabled
        return Row(
            known,
            f"about {schedule_text(entry.schedule)}" if entry.observed_runs else schedule_text(entry.schedule),
            getattr(entry.schedule, "expression", "") or getattr(entry.schedule, "text", ""),
            _origin(entry),
            formatting.age(last.run.at, self.now) if last else "",
            STATES[last.run.state].word if last and last.run.state in STATES else "",
            "" if known.next_at is None or not entry.enabled else "overdue" if overdue else f"in {formatting.duration(known.next_at - self.now)}",
            shown,
            strip.in_words(shown),
            day_text(known.slots),
            tasks_address(known.broker, known.vhost, f"name:{quoted(entry.task)}"),
            reverse("task", args=[last.run.id]) if last else "",
        )

    @property
    def limits(self) -> list[Step]:
        """Where events are not received now, so that runs there are unknown."""
        sources = queries.event_sources(self.scope, self.broker.pk if self.broker else None, self.brokers)
        return no_events(sources, self.vhost)

    @property
    def summary(self) -> str:
        """ "3 on time, 1 missed"."""
        counts = Counter(known.state for known in self.found.items)
        return ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items(), key=lambda one: one[0]))

    @property
    def hours(self) -> list[str]:
        """The hours under the strip, every sixth."""
        start = strip.begins(self.now)
        return [formatting.clock(start + strip.HALF_HOUR * place)[:5] for place in range(0, strip.CELLS, 12)]

    @property
    def sees_sending(self) -> bool:
        """Whether task-sent events arrive: else a run is seen only once a worker takes it."""
        return any(seen.sent for known in self.found.items for seen in known.runs[-3:])

    @property
    def is_limited(self) -> bool:
        return self.scope.limits_queues

    @property
    def several_places(self) -> bool:
        return len({(known.broker, known.vhost) for known in self.found.items}) > 1

    @property
    def topics(self) -> list[str]:
        places = {(known.broker_id, known.vhost) for known in self.found.items}
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(topics.TASKS, broker_id, vhost).name for broker_id, vhost in sorted(places)]


def _origin(entry: Entry) -> str:
    if entry.observed_runs:
        return f"in no schedule that is known; its last {formatting.count(entry.observed_runs, 'run')} came regularly"
    return f"from {formatting.listed(list(entry.sources), 2)}"
