"""What is open now, for other rooms: the findings of a broker, and by object the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from brokers import database_file
from brokers.clock import is_within
from brokers.models import Broker
from brokers.queries import kept
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout import formatting
from dashboard.layout.levels import WORST_FIRST, Level, Word, rank
from dashboard.models import Finding, FindingRound, Silence

LOOKED_WITHIN = timedelta(seconds=30)
"""Findings are of now while the rules looked so recently."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; of equal ones the oldest first."""
    return sorted(findings, key=lambda one: (rank(one.level), one.began, one.pk))


def by_object(findings: Iterable[Finding]) -> Mapping[tuple[str, int], Finding]:
    """{(kind, primary key): the worst finding about that object}."""
    found: dict[tuple[str, int], Finding] = {}
    for one in worst_first(findings):
        if one.object_id is not None:
            found.setdefault((one.kind, one.object_id), one)
    return found


def is_here(finding: Finding, broker_id: int | None = None, vhost: str | None = None) -> bool:
    """Whether a choice of a broker and of a virtual host (None: any) has it, as `queries.closed_findings` would have it of a closed one: what is about Hareline
    itself is in each of them, and what is about a whole broker in each of its virtual hosts."""
    return (broker_id is None or finding.broker_id in (None, broker_id)) and (vhost is None or finding.vhost in ("", vhost))


def is_of_now(looked: FindingRound | None, now: datetime) -> bool:
    """Whether the rules looked lately: else what is open is as of their last round, and what is new is not there."""
    return looked is not None and is_within(looked.at, now, LOOKED_WITHIN)


class OpenNow:
    """Everything that is open, as of the moment `at` at which it was read. It is shared: only to be read, and the bodies of its findings are not in it."""

    def __init__(
        self,
        findings: Iterable[Finding],
        silences: Sequence[Silence],
        rounds: Iterable[FindingRound],
        at: datetime,
        silenced: Mapping[int, datetime] | None = None,
        is_past: bool = False,
    ) -> None:
        """`silenced`: until when, by primary key, where that is not decided by these findings alone. `is_past`: `at` is a past moment."""
        self.at, self.silences, self._is_past = at, silences, is_past
        self.findings = worst_first(findings)
        self.rounds = {one.broker_id: one for one in rounds}
        self.silenced = queries.silenced(self.findings, silences) if silenced is None else silenced
        self._worst = by_object(one for one in self.findings if one.pk not in self.silenced)
        self._silenced = by_object(one for one in self.findings if one.pk in self.silenced)
        self._of_many = {_about_many(one) for one in self.findings if one.pk not in self.silenced}

    @property
    def causes(self) -> list[Finding]:
        """Those that are neither silenced nor under another one, which explains them: what pages list and count."""
        return [one for one in self.findings if one.pk not in self.silenced and one.under_id is None]

    def of(self, broker_id: int | None, vhost: str | None = None) -> list[Finding]:
        """The causes that are about a broker, or about the whole of Hareline; with `vhost` without those of other virtual hosts."""
        return [one for one in self.causes if _is_about(one, broker_id, vhost)]

    def silenced_of(self, broker_id: int | None, vhost: str | None = None) -> list[Finding]:
        """The silenced ones that are about a broker, or about the whole of Hareline; with `vhost` without those of other virtual hosts."""
        return [one for one in self.findings if one.pk in self.silenced and _is_about(one, broker_id, vhost)]

    def stands_still(self, broker_id: int | None) -> bool:
        """True if the rules have not looked at it lately, or never did."""
        return not is_of_now(self.rounds.get(broker_id), self.at)

    def level(self, kind: str, pk: int, broker_id: int, otherwise: Level) -> Level:
        """The level of an object: of the worst finding about it. `otherwise` is what its numbers alone say: it holds while the rules stand still, for what is
        unknown, and where one finding is about many such objects. Trouble in numbers that is no finding (yet, or for good, as a person set it) is watched."""
        if self.stands_still(broker_id):
            return otherwise
        if kind == "queue" and otherwise.word == "unknown":
            return otherwise
        found = self._worst.get((kind, pk))
        if found is not None and not found.unsure:
            return Level(_word(found.level), found.short or found.title)
        if otherwise.word in ("ok", "unknown") or (kind == "worker" and otherwise.word == "notice"):  # a node that shut down cleanly is no finding
            return otherwise
        silenced = self._silenced.get((kind, pk))
        if silenced is not None:
            return Level("notice", silenced.short or silenced.title, "silenced")
        return otherwise if (broker_id, kind) in self._of_many else Level("ok", otherwise.reason, "watched")

    def level_by_name(self, kind: str, broker_id: int, vhost: str, names: Iterable[str]) -> Word | None:
        """The level of the worst finding about any object of these names; None where there is none."""
        keys = {(kind, broker_id, vhost, name) for name in names}
        return next((_word(one.level) for one in self.findings if (one.kind, one.broker_id, one.vhost, one.name) in keys and one.pk not in self.silenced), None)

    def broker_level(self, broker_id: int, otherwise: Level) -> Level:
        """A broker's level: of the worst finding about anything of it, unless its state is unknown or the rules stand still."""
        if otherwise.word == "unknown" or otherwise.label or self.stands_still(broker_id):
            return (
                Level("unknown", "was not looked at by the rules, and its alarms are not recorded") if self._is_past and otherwise.word == "ok" else otherwise
            )
        here = [one for one in self.causes if one.broker_id == broker_id]
        return Level(_word(here[0].level), f"has {formatting.count(len(here), 'finding')}") if here else Level("ok", "responds")


def _is_about(one: Finding, broker_id: int | None, vhost: str | None) -> bool:
    return one.broker_id in (None, broker_id) and (vhost is None or one.vhost in ("", vhost))


def _about_many(one: Finding) -> tuple[int | None, str]:
    """(broker, kind) of the objects that a finding is about without being about each of them."""
    if one.kind == "worker" and one.object_id is None:
        return one.broker_id, "worker"
    return one.broker_id, {"queue_unavailable": "queue", "publishers_blocked": "node", "partition": "node"}.get(one.rule, "") if one.kind == "broker" else ""


NOTHING_KNOWN = OpenNow((), (), (), datetime.min.replace(tzinfo=UTC))
"""As if the rules had never looked: levels are what numbers alone say."""


def open_now(scope: Scope, brokers: Sequence[Broker], at: datetime | None = None) -> OpenNow:
    """What is open of these brokers and of Hareline itself, worked out once a change. The brokers are those of the transaction in which this is called; if
    they are those of a past moment (or `at` is one), it is what was open then."""
    at = at or next((broker.past_at for broker in brokers if broker.past_at), None)
    if at is not None:
        return _read_at(scope, tuple(broker.pk for broker in brokers), at)
    return kept.shared(kept.state_of(brokers) or None, _read, scope, tuple(broker.pk for broker in brokers))


WHAT_TO_DO = {
    database_file.FULL: "Free space on that disk. Hareline continues by itself then.",
    database_file.LOCKED: "End what holds the lock, such as a shell or a copy of another program. Hareline continues by itself then.",
}
"""By why nothing can be stored."""


def why_rules_stand_still() -> str:
    """In sentences, why no round can be stored, and what to do; "" where the reason is not the database."""
    reason = database_file.why_nothing_is_stored()
    return f"{reason} {WHAT_TO_DO.get(reason, '')}".strip()


_lately: kept.Kept[OpenNow] = kept.Kept(64)


def open_lately(scope: Scope, broker_id: int, state: kept.State = None) -> OpenNow:
    """The same of one broker. `state`: of the broker as it was read in this transaction; where it was not, it is worked out once an event of a
    finding, for what is loaded more often than polls are stored."""
    if state is not None:
        return kept.shared(state, _read, scope, (broker_id,))
    return _lately.get((scope, broker_id), queries.latest_change() or 0, lambda: _read(scope, (broker_id,)))


def _read(scope: Scope, brokers: tuple[int, ...]) -> OpenNow:
    now = timezone.now()
    findings = [one for one in queries.open_findings(scope, bodies=False) if one.broker_id is None or one.broker_id in brokers]
    silences = queries.silences(now) if findings else []
    return OpenNow(findings, silences, queries.rounds(scope), now, queries.open_silenced(scope, findings, silences))


def _read_at(scope: Scope, brokers: tuple[int, ...], at: datetime) -> OpenNow:
    findings = [one for one in queries.findings_open_at(scope, at) if one.broker_id is None or one.broker_id in brokers]
    silences, silenced = queries.silenced_at(scope, findings, at)
    return OpenNow(findings, silences, queries.rounds_at(scope, at), at, silenced, is_past=True)


def _word(level: str) -> Word:
    return next(word for word in WORST_FIRST if word == level)
