"""What is open now, for other rooms: the findings of a broker, and by object the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from brokers.clock import is_within
from brokers.models import Broker
from brokers.queries import kept
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout.levels import WORST_FIRST, Level, Word
from dashboard.models import Finding, FindingRound, Silence

LOOKED_WITHIN = timedelta(seconds=30)
"""Findings are of now while the rules looked so recently."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; of equal ones the oldest first."""
    order = [str(word) for word in WORST_FIRST]
    return sorted(findings, key=lambda one: (order.index(one.level), one.since or one.opened_at, one.pk))


def by_object(findings: Iterable[Finding]) -> Mapping[tuple[str, int], Finding]:
    """{(kind, primary key): the worst finding about that object}."""
    found: dict[tuple[str, int], Finding] = {}
    for one in worst_first(findings):
        if one.object_id is not None:
            found.setdefault((one.kind, one.object_id), one)
    return found


def is_of_now(looked: FindingRound | None, now: datetime) -> bool:
    """Whether the rules looked lately: else what is open is as of their last round, and what is new is not there."""
    return looked is not None and is_within(looked.at, now, LOOKED_WITHIN)


def silenced_until(finding: Finding, silences: Iterable[Silence]) -> datetime | None:
    """Until when it is silenced; None if it is not."""
    matching = [one.until for one in silences if queries.matches(one, finding)]
    return max(matching, default=None)


class OpenNow:
    """Everything that is open, as of the moment `at` at which it was read. It is shared: only to be read, and the bodies of its findings are not in it."""

    def __init__(self, findings: Iterable[Finding], silences: Sequence[Silence], rounds: Iterable[FindingRound], at: datetime) -> None:
        self.at, self.silences = at, silences
        self.findings = worst_first(findings)
        self.rounds = {one.broker_id: one for one in rounds}
        self.silenced = {one.pk: until for one in self.findings if (until := silenced_until(one, silences))} if silences else {}
        self._worst = by_object(one for one in self.findings if one.pk not in self.silenced)
        self._silenced = by_object(one for one in self.findings if one.pk in self.silenced)

    @property
    def causes(self) -> list[Finding]:
        """Those that are neither silenced nor under another one, which explains them: what pages list and count."""
        return [one for one in self.findings if one.pk not in self.silenced and one.under_id is None]

    def of(self, broker_id: int | None, vhost: str | None = None) -> list[Finding]:
        """The causes that are about a broker, or about the whole of Hareline; with `vhost` without those of other virtual hosts."""
        return [one for one in self.causes if one.broker_id in (None, broker_id) and (vhost is None or one.vhost in ("", vhost))]

    def stands_still(self, broker_id: int | None) -> bool:
        """True if the rules have not looked at it lately, or never did."""
        return not is_of_now(self.rounds.get(broker_id), self.at)

    def level(self, kind: str, pk: int, broker_id: int, otherwise: Level) -> Level:
        """The level of an object: of the worst finding about it. `otherwise` is what its numbers alone say: it holds while the rules stand still, and for
        what is unknown. Trouble in numbers that is no finding (yet, or for good, as a person set it) is watched."""
        if self.stands_still(broker_id):
            return otherwise
        found = self._worst.get((kind, pk))
        if found is not None and not found.unsure:
            return Level(_word(found.level), found.short or found.title)
        if otherwise.word in ("ok", "unknown"):
            return otherwise
        silenced = self._silenced.get((kind, pk))
        return Level("notice", silenced.short or silenced.title, "silenced") if silenced else Level("ok", otherwise.reason, "watched")


def open_now(scope: Scope, brokers: Sequence[Broker]) -> OpenNow:
    """What is open of these brokers and of Hareline itself, worked out once a change. The brokers are those of the transaction in which this is called."""
    return kept.shared(kept.state_of(brokers) or None, _read, scope, tuple(broker.pk for broker in brokers))


def open_of(broker: Broker, state: kept.State) -> OpenNow:
    """The same of one broker for everybody. `state`: None where it was not read in this transaction."""
    return kept.shared(state, _read, Scope(), (broker.pk,))


def _read(scope: Scope, brokers: tuple[int, ...]) -> OpenNow:
    now = timezone.now()
    findings = [one for one in queries.open_findings(scope, bodies=False) if one.broker_id is None or one.broker_id in brokers]
    return OpenNow(findings, queries.silences(now) if findings else (), queries.rounds(scope), now)


def _word(level: str) -> Word:
    return next(word for word in WORST_FIRST if word == level)
