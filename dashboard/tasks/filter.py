"""Which tasks match a filter: `state:failure name:orders.* after:-2h 88412`. `dashboard.layout.filter_language` defines how a filter is written.

Pure.
"""

from __future__ import annotations

from datetime import datetime

from dashboard.layout import filter_language
from dashboard.layout.filter_language import Filter, Qualifier
from dashboard.layout.moments import moment_of
from dashboard.tasks import states as task_states
from workers.task_filter import TaskFilter

QUALIFIERS = filter_language.named(
    (
        Qualifier("state", filter_language.CHOICE, "", "Celery's state; several with commas", "state:failure", task_states.CHOICES),
        Qualifier("name", filter_language.TEXT, "", "The task’s name; * stands for anything", "name:orders.*"),
        Qualifier("worker", filter_language.TEXT, "", "The worker node that had it last", "worker:worker-a@web-1"),
        Qualifier("queue", filter_language.TEXT, "", "The queue it is in or was taken from, by the bindings of its time", "queue:mail"),
        Qualifier("after", filter_language.MOMENT, "", "First seen at this moment or later", "after:-2h"),
        Qualifier("before", filter_language.MOMENT, "", "First seen before this moment", "before:14:20"),
    )
)
ONCE = ("name", "worker", "queue")
"""Qualifiers of which a task can fulfil only one value."""


def parse(text: str) -> Filter:
    """The filter of a text, with a problem for a qualifier that occurs twice."""
    parsed = filter_language.parse(text, QUALIFIERS)
    seen: set[str] = set()
    terms = []
    for term in parsed.terms:
        name = term.qualifier.name if term.qualifier and not term.problem else ""
        again = name in seen and name in ONCE
        seen.add(name)
        problem = f"{name} occurs twice, and a task has only one."
        terms.append(filter_language.Term(term.text, term.value, term.qualifier, term.operator, problem) if again else term)
    return Filter(tuple(terms))


def query_filter(wanted: Filter, broker: str | int | None, vhost: str | None, now: datetime) -> TaskFilter:
    """The filter for `workers.queries.tasks`; terms with a problem are left out.

    >>> query_filter(parse("state:failure name:orders.* 88412"), None, "/", datetime(2026, 11, 24)).states
    ('FAILURE',)
    """
    once = {name: next(iter(wanted.values(name)), None) for name in ONCE}
    starts = [moment for text in wanted.values("after") if (moment := moment_of(text, now))]
    ends = [moment for text in wanted.values("before") if (moment := moment_of(text, now))]
    states = dict.fromkeys(state.upper() for text in wanted.values("state") for state in text.split(",") if state)
    return TaskFilter(
        broker=broker,
        vhost=vhost,
        states=tuple(states),
        text=" ".join(term.value for term in wanted.terms if term.is_word),
        start=max(starts, default=None),
        end=min(ends, default=None),
        name=once["name"],
        worker=once["worker"],
        queue=once["queue"],
    )
