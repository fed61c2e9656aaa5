"""Which groups of failures match a filter: `exception:Declined name:orders.* state:open after:-2h card`. `dashboard.layout.filter_language` defines how it is
written.

Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboard.layout import filter_language
from dashboard.layout.filter_language import CHOICE, MOMENT, TEXT, Filter, Qualifier
from dashboard.layout.moments import moment_of
from workers.queries import FailureFilter

NEW_FOR = timedelta(hours=24)
OPEN, RESOLVED, NEW = "open", "resolved", "new"
QUALIFIERS = filter_language.named(
    (
        Qualifier("exception", TEXT, "", "The class of the exception; * stands for anything", "exception:Declined"),
        Qualifier("name", TEXT, "", "A task that failed so; * stands for anything", "name:orders.*"),
        Qualifier("worker", TEXT, "", "A worker node on which it failed", "worker:worker-a@web-1"),
        Qualifier("state", CHOICE, "", "open, or resolved and not failed since", "state:open", (OPEN, RESOLVED)),
        Qualifier("is", CHOICE, "", "new: failed for the first time within 24 h", "is:new", (NEW,)),
        Qualifier("after", MOMENT, "", "Failed at this moment or later", "after:-2h"),
    )
)


def parse(text: str) -> Filter:
    return filter_language.parse(text, QUALIFIERS)


def query_filter(wanted: Filter, broker: str | int | None, vhost: str | None, now: datetime) -> FailureFilter:
    """The filter for `workers.queries.failures`; terms with a problem are left out.

    >>> query_filter(parse("exception:Declined state:open card"), None, "/", datetime(2026, 11, 24)).exceptions
    ('Declined',)
    """
    states = {state.lower() for text in wanted.values("state") for state in text.split(",")}
    moments = [moment for text in wanted.values("after") if (moment := moment_of(text, now))]
    return FailureFilter(
        broker=broker,
        vhost=vhost,
        exceptions=tuple(wanted.values("exception")),
        names=tuple(wanted.values("name")),
        workers=tuple(wanted.values("worker")),
        words=tuple(term.value for term in wanted.terms if term.is_word),
        resolved=RESOLVED in states if len(states) == 1 else None,
        since=max(moments, default=None),
        new_since=now - NEW_FOR if wanted.values("is") else None,
    )
