"""Findings, silences and settings of rules, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from django.db.models import Q

from brokers.database.rows import RowsOf
from brokers.models import Broker
from brokers.queries import visible
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.models import Finding, FindingRound, RuleSetting, Silence
from dashboard.queries.visible_findings import as_visible, in_scope, patterns_in, visible_rounds

_SETTINGS = RowsOf(RuleSetting)
_WITHOUT_BODY = RowsOf(Finding, left_out=("body",))


def of_watched() -> Q:
    """Findings of the brokers that HARELINE_BROKERS names, and those about Hareline itself."""
    return Q(broker=None) | Q(broker__configured=True)


def open_findings(scope: Scope, broker_id: int | None = None, bodies: bool = True) -> list[Finding]:
    """Every open one with its broker, the oldest first; with `broker_id` those of one broker. `bodies` False: without them, which are most of it."""
    rows = Finding.objects.filter(in_scope(scope), of_watched(), closed_at=None).select_related("broker")
    rows = rows if bodies else rows.defer("body")
    return as_visible(scope, (rows if broker_id is None else rows.filter(broker_id=broker_id)).order_by("pk"))


def open_of(broker: Broker) -> list[Finding]:
    """The open ones of a broker, the oldest first; their bodies are another query where they are used."""
    found = _WITHOUT_BODY.read("WHERE closed_at IS NULL AND broker_id = %s ORDER BY id", [broker.pk])
    share_brokers(found, [broker])
    return found


def own_open_findings() -> list[Finding]:
    """Those about Hareline itself."""
    return list(Finding.objects.filter(closed_at=None, broker=None).order_by("pk"))


def latest_closed(identities: list[str], since: datetime) -> dict[str, Finding]:
    """{identity: the one of it that closed last} of those that closed since then."""
    rows = Finding.objects.filter(identity__in=identities, closed_at__gte=since).order_by("closed_at")
    return {one.identity: one for one in rows}


def rounds(scope: Scope) -> list[FindingRound]:
    """When the rules last looked, by broker; that about Hareline itself has none."""
    seen = Q() if scope.is_everything else Q(broker=None) | visible.rows_touching(scope)
    return visible_rounds(scope, FindingRound.objects.filter(seen, of_watched()).select_related("broker"))


def silences(now: datetime) -> list[Silence]:
    """Those that hold now."""
    return list(Silence.objects.filter(until__gt=now, begun_at__lte=now, ended_at=None).order_by("until"))


def visible_silences(scope: Scope, now: datetime) -> list[Silence]:
    """Those of them that name nothing which may not be viewed."""
    return [one for one in silences(now) if patterns_in(scope, one)]


def rule_settings(scope: Scope) -> list[RuleSetting]:
    """The oldest first, without those that name what may not be viewed."""
    return [one for one in _SETTINGS.read("ORDER BY at, id") if patterns_in(scope, one)]


def rule_setting(pk: int) -> RuleSetting | None:
    return RuleSetting.objects.filter(pk=pk).first()


def matches(silence: Silence, finding: Finding) -> bool:
    """Whether a silence is about a finding. What has no broker or virtual host has "" there."""
    broker = finding.broker.name if finding.broker else ""
    pairs = ((finding.rule, silence.rule), (broker, silence.broker), (finding.vhost, silence.vhost), (finding.name, silence.name))
    return silence.kind in ("*", finding.kind) and all(fnmatchcase(value, pattern) for value, pattern in pairs)


def silences_of(finding: Finding, now: datetime) -> list[Silence]:
    """Those that are about a finding now, whoever may see them, the one that ends last first. The finding is read again, as its name may have been left out."""
    holding = silences(now)
    whole = Finding.objects.select_related("broker").defer("body").filter(pk=finding.pk).first() if holding else None
    return sorted((one for one in holding if whole is not None and matches(one, whole)), key=lambda one: one.until, reverse=True)


MOST_CAUSES = 5
"""Above each other: no finding is its own cause."""


def silenced_until(finding: Finding, silences: Iterable[Silence]) -> datetime | None:
    """Until when it is silenced; None if it is not."""
    matching = [one.until for one in silences if matches(one, finding)]
    return max(matching, default=None)


def open_silenced(scope: Scope, findings: Sequence[Finding], silences: Sequence[Silence]) -> dict[int, datetime]:
    """`silenced` of open findings that were read within the scope: the same for everybody, whatever was left out of them."""
    if scope.is_everything or not silences or not findings:
        return silenced(findings, silences)
    found = silenced(Finding.objects.filter(of_watched(), closed_at=None).select_related("broker").defer("body"), silences)
    return {one.pk: found[one.pk] for one in findings if one.pk in found}


def silenced(findings: Iterable[Finding], silences: Sequence[Silence]) -> dict[int, datetime]:
    """{primary key: until when} of those that are silenced. What another one explains is silenced with it, as it would not be listed or notified by itself:
    else a silence of the cause would hide it without a trace."""
    if not silences:
        return {}
    by_key = {one.pk: one for one in findings}
    own = {pk: until for pk, one in by_key.items() if (until := silenced_until(one, silences)) is not None}
    found: dict[int, datetime] = {}
    for pk, one in by_key.items():
        above: Finding | None = one
        for _ in range(MOST_CAUSES):
            if above is None:
                break
            if above.pk in own:
                found[pk] = max(own[above.pk], found.get(pk, own[above.pk]))
            above = by_key.get(above.under_id) if above.under_id is not None else None
    return found
