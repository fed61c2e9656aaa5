"""Which findings match a filter: `level:critical rule:no_consumer name:mail state:closed from:-12h`. `dashboard.layout.filter_language` defines how it is
written.

Pure but for the keys of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from dashboard.findings.round import RULE_FAILED
from dashboard.findings.rules import ALL
from dashboard.layout import filter_language
from dashboard.layout.filter_language import CHOICE, MOMENT, TEXT, Filter, Qualifier
from dashboard.layout.levels import WORST_FIRST
from dashboard.layout.moments import moment_of

OPEN, SILENCED, CLOSED = "open", "silenced", "closed"
RULES = (*ALL, RULE_FAILED)
STATES = (OPEN, SILENCED, CLOSED)
QUALIFIERS = filter_language.named(
    (
        Qualifier("level", CHOICE, "", "How bad it is, of a closed one how bad it was; several with commas", "level:critical", WORST_FIRST[:-1]),
        Qualifier("rule", CHOICE, "", "The rule that found it; several with commas", "rule:no_consumer", RULES),
        Qualifier("broker", TEXT, "", "The broker that it is about", "broker:prod"),
        Qualifier("vhost", TEXT, "", "The virtual host that it is about", "vhost:/shop"),
        Qualifier("name", TEXT, "", "A part of the name of what it is about", "name:mail"),
        Qualifier("state", CHOICE, "", "open, silenced, closed; several with commas", "state:closed", STATES),
        Qualifier("from", MOMENT, "", "Open at this moment or later", "from:-12h"),
        Qualifier("to", MOMENT, "", "Opened before this moment", "to:06:00"),
    )
)


class Wanted(msgspec.Struct, frozen=True):
    """What a filter chooses. () and None: any. `words` are parts of the title, all of which must be there."""

    levels: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    vhosts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_about_the_past(self) -> bool:
        return CLOSED in self.states or self.start is not None or self.end is not None

    def has(self, state: str) -> bool:
        return not self.states or state in self.states


def parse(text: str) -> Filter:
    return filter_language.parse(text, QUALIFIERS)


def wanted_by(wanted: Filter, now: datetime) -> Wanted:
    """What the filter chooses; terms with a problem are left out.

    >>> wanted_by(parse("level:critical,warning state:closed nobody"), datetime(2026, 11, 24)).levels
    ('critical', 'warning')
    """

    def several(name: str, change: Callable[[str], str] = str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(change(part) for value in wanted.values(name) for part in value.split(",") if part))

    starts = [moment for text in wanted.values("from") if (moment := moment_of(text, now))]
    ends = [moment for text in wanted.values("to") if (moment := moment_of(text, now))]
    return Wanted(
        levels=several("level", str.lower),
        rules=several("rule", str.lower),
        brokers=several("broker"),
        vhosts=several("vhost"),
        names=tuple(wanted.values("name")),
        words=tuple(term.value for term in wanted.terms if term.is_word),
        states=several("state", str.lower),
        start=max(starts, default=None),
        end=min(ends, default=None),
    )
