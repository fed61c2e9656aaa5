"""Which tasks match a filter: `state:failed name:orders.* runtime>2s after:-2h 88412`. `dashboard.layout.filter_language` defines how a filter is written,
docs/filters.md what each term means.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from dashboard.layout import filter_language
from dashboard.layout.durations import seconds_of
from dashboard.layout.filter_language import CHOICE, DURATION, MOMENT, NUMBER, TEXT, Filter, Qualifier, Term
from dashboard.layout.moments import moment_of
from dashboard.tasks import states as task_states
from workers.task_filter import ALL_STATES, Bound, TaskFilter

QUALIFIERS = filter_language.named(
    (
        Qualifier("state", CHOICE, "", "Its state; several with commas", "state:failed", task_states.CHOICES, aliases=tuple(task_states.WORDS), negates=True),
        Qualifier("name", TEXT, "", "The task’s name; * stands for anything", "name:orders.*", negates=True),
        Qualifier("worker", TEXT, "", "The worker node that had it last; * stands for anything", "worker:worker-a@web-1", negates=True),
        Qualifier("queue", TEXT, "", "The queue it is in or was taken from, by the bindings of its time", "queue:mail", negates=True),
        Qualifier("runtime", DURATION, "", "How long it ran, or has been running", "runtime>2s"),
        Qualifier("wait", DURATION, "", "How long it waited, or has been waiting, until it was started", "wait>1m"),
        Qualifier("overrun", DURATION, "", "By how much it is past its time limit, while it runs", "overrun>0s"),
        Qualifier("eta", DURATION, "", "How long until its ETA, while it waits for that", "eta>0s"),
        Qualifier("retries", NUMBER, "", "How often it was retried", "retries>2"),
        Qualifier("args", TEXT, "", "Words of its arguments", 'args:"sku-17"'),
        Qualifier("exception", TEXT, "", "Words of its exception", "exception:ValueError"),
        Qualifier("root", TEXT, "", "The task of this id and all that came from it", "root:7ad44b28-83b7-4a44-9d0b-0c4eb93ed1a1"),
        Qualifier("parent", TEXT, "", "The tasks that the task of this id called", "parent:7ad44b28-83b7-4a44-9d0b-0c4eb93ed1a1"),
        Qualifier("after", MOMENT, "", "First seen at this moment or later", "after:-2h"),
        Qualifier("before", MOMENT, "", "First seen before this moment", "before:14:20"),
    )
)
ONCE = ("name", "worker", "queue", "root", "parent")
"""Qualifiers of which a task can fulfil only one value."""
LEAVES_OUT = ("name", "worker", "queue")
BOUNDS = ("runtime", "wait", "overrun", "eta", "retries")
NO_ARGUMENTS = "args needs the permission to see arguments of all tasks that you may view."
LONG_AGO = timedelta(minutes=10)
NO_STATE, NO_STATE_LEFT = ("",), "No state is left."
NO_WORD = "has no letter or digit to search for."


def parse(text: str, arguments: bool = True) -> Filter:
    """The filter of a text, with a problem for a qualifier that occurs twice; `arguments`: whether the person may see those of tasks."""
    parsed = filter_language.parse(text, QUALIFIERS)
    seen: set[str] = set()
    terms = []
    for term in parsed.terms:
        problem = term.problem or _problem(term, seen, arguments)
        if term.qualifier and not term.problem and term.operator != "!=":
            seen.add(term.qualifier.name)
        terms.append(msgspec.structs.replace(term, problem=problem) if problem else term)
    if _states(terms) == NO_STATE:
        terms = [msgspec.structs.replace(term, problem=NO_STATE_LEFT) if _is(term, "state", "!=") and not term.problem else term for term in terms]
    return Filter(tuple(terms))


def _problem(term: Term, seen: set[str], arguments: bool) -> str:
    name = term.qualifier.name if term.qualifier else ""
    if name in seen and name in ONCE and term.operator != "!=":
        return f"{name} occurs twice, and a task has only one."
    if name == "args" and not arguments:
        return NO_ARGUMENTS
    if name in ("args", "exception") and not any(character.isalnum() for character in term.value):
        return f"{name} {NO_WORD}"
    return ""


def query_filter(wanted: Filter, broker: str | int | None, vhost: str | None, now: datetime) -> TaskFilter:
    """The filter for `workers.queries.tasks`; terms with a problem are left out.

    >>> query_filter(parse("state:failed name:orders.* 88412"), None, "/", datetime(2026, 11, 24)).states
    ('FAILURE',)
    """
    terms = [term for term in wanted.terms if term.qualifier and not term.problem]
    once = {name: next((term.value for term in terms if _is(term, name)), None) for name in ONCE}
    starts = [_steady(text, moment, now) for text in wanted.values("after") if (moment := moment_of(text, now))]
    ends = [moment for text in wanted.values("before") if (moment := moment_of(text, now))]
    bounds = tuple(_bound(term) for term in terms if term.qualifier and term.qualifier.name in BOUNDS)
    return TaskFilter(
        broker=broker,
        vhost=vhost,
        states=_states(terms),
        name=once["name"],
        worker=once["worker"],
        queue=once["queue"],
        root=once["root"],
        parent=once["parent"],
        text=" ".join(term.value for term in wanted.terms if term.is_word),
        args=tuple(wanted.values("args")),
        exception=tuple(wanted.values("exception")),
        bounds=bounds,
        without=tuple((name, term.value) for term in terms for name in LEAVES_OUT if _is(term, name, "!=")),
        now=now.replace(microsecond=0) if any(bound.field != "retries" for bound in bounds) else None,
        start=max(starts, default=None),
        end=min(ends, default=None),
    )


def _steady(text: str, moment: datetime, now: datetime) -> datetime:
    """The moment, at ten whole seconds where it is long ago and moves with the clock: who looks again within these has the same question, and its counts."""
    is_moving = text.strip().startswith("-") and now - moment >= LONG_AGO
    return moment.replace(second=moment.second // 10 * 10, microsecond=0) if is_moving else moment


def _is(term: Term, name: str, *operators: str) -> bool:
    return term.qualifier is not None and term.qualifier.name == name and term.operator in (operators or (":", "="))


def _states(terms: Iterable[Term]) -> tuple[str, ...]:
    """The states that are named, or all but those that are to be left out; NO_STATE where none is left."""
    terms = [term for term in terms if not term.problem]
    named = [state for term in terms if _is(term, "state") for state in named_states(term.value)]
    left_out = {state for term in terms if _is(term, "state", "!=") for state in named_states(term.value)}
    if not left_out:
        return tuple(dict.fromkeys(named))
    return tuple(state for state in dict.fromkeys(named or ALL_STATES) if state not in left_out) or NO_STATE


def named_states(value: str) -> list[str]:
    """Celery's states of words with commas, everyday ones too; what is no such word in capitals.

    >>> named_states("failed,waiting,lost")
    ['FAILURE', 'PENDING', 'RECEIVED', 'LOST']
    """
    return [state for word in value.lower().split(",") if word for state in task_states.WORDS.get(word, (word.upper(),))]


def _bound(term: Term) -> Bound:
    name, operator = term.qualifier.name if term.qualifier else "", "=" if term.operator == ":" else term.operator
    value = filter_language.number_of(term.value) if name == "retries" else seconds_of(term.value)
    return Bound(name, operator, value or 0.0)


NOT_IN_THE_PAST = frozenset({"state", "overrun", "runtime"})
"""Qualifiers about what may have been otherwise at a past moment."""


def of_the_past(term: Term) -> Term:
    """The term as it applies to a past moment; what is only known of now has that as its problem."""
    if term.problem or term.qualifier is None or term.qualifier.name not in NOT_IN_THE_PAST:
        return term
    return msgspec.structs.replace(term, problem="It is known of now only, so a past moment can’t be filtered by it.")
