"""Which changes match a filter: `kind:binding what:added name:mail who:ann since:-2h`. `dashboard.layout.filter_language` defines how it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from brokers.diff import KINDS, WHATS
from brokers.queries import ChangeFilter
from dashboard.layout import filter_language
from dashboard.layout.filter_language import CHOICE, MOMENT, TEXT, Filter, Qualifier
from dashboard.layout.moments import moment_of

MARK = "mark"
ALIASES = {"joined": "added", "created": "added", "left": "gone", "deleted": "gone", "removed": "gone"}
QUALIFIERS = filter_language.named(
    (
        Qualifier("kind", CHOICE, "", "What it happened to; several with commas", "kind:binding", (*KINDS, MARK)),
        Qualifier("what", CHOICE, "", "What happened; several with commas", "what:gone", WHATS, aliases=tuple(ALIASES)),
        Qualifier("broker", TEXT, "", "The broker", "broker:prod"),
        Qualifier("vhost", TEXT, "", "The virtual host", "vhost:/shop"),
        Qualifier("name", TEXT, "", "A part of the name of what changed", "name:mail"),
        Qualifier("who", TEXT, "", "The user of the broker who did it, or the person who made a mark", "who:ann"),
        Qualifier("since", MOMENT, "", "At this moment or later", "since:-10min"),
        Qualifier("before", MOMENT, "", "Before this moment", "before:06:00"),
    )
)


def parse(text: str) -> Filter:
    return filter_language.parse(text, QUALIFIERS)


def wanted_by(wanted: Filter, broker: int | None, vhost: str | None, now: datetime) -> ChangeFilter:
    """What the filter chooses; terms with a problem are left out.

    >>> wanted_by(parse("what:left,added kind:worker,mark"), None, None, datetime(2026, 11, 24)).whats
    ('gone', 'added')
    """

    def several(name: str, change: Callable[[str], str] = str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(change(part) for value in wanted.values(name) for part in value.split(",") if part))

    starts = [moment for text in wanted.values("since") if (moment := moment_of(text, now))]
    ends = [moment for text in wanted.values("before") if (moment := moment_of(text, now))]
    return ChangeFilter(
        broker=broker,
        vhost=vhost,
        kinds=several("kind", str.lower),
        whats=several("what", lambda word: ALIASES.get(word.lower(), word.lower())),
        brokers=several("broker"),
        vhosts=several("vhost"),
        names=tuple(wanted.values("name")),
        words=tuple(term.value for term in wanted.terms if term.is_word),
        users=several("who"),
        start=max(starts, default=None),
        end=min(ends, default=None),
    )


def shows_marks(wanted: ChangeFilter) -> bool:
    """Whether marks are among what the filter chooses: they have no virtual host, and nothing happened to an object."""
    return (not wanted.kinds or MARK in wanted.kinds) and not wanted.whats and not wanted.vhosts
