"""One finding with what happened to it, and those that are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Max, Q
from django.utils import timezone

from brokers.queries.pages import Page, check_page, one_page
from brokers.scope import Scope
from dashboard.models import Finding, FindingEvent, Silence
from dashboard.queries.findings_then import finding_at
from dashboard.queries.visible_findings import OWN_KINDS, as_visible, in_scope, patterns_in

if TYPE_CHECKING:
    from dashboard.findings.filter import Wanted


def finding(scope: Scope, pk: int, at: datetime | None = None) -> Finding | None:
    """With its broker, and the finding that explains it; None if there is none that may be seen. With `at` as it was then, None if it had not begun."""
    if at is not None:
        return finding_at(scope, pk, at)
    return next(iter(as_visible(scope, Finding.objects.filter(in_scope(scope), pk=pk).select_related("broker", "under"))), None)


def findings_by_ids(scope: Scope, ids: Iterable[int]) -> dict[int, Finding]:
    """With their bodies, by primary key."""
    return {one.pk: one for one in as_visible(scope, Finding.objects.filter(in_scope(scope), pk__in=list(ids)).select_related("broker"))}


def closed_findings(
    scope: Scope, wanted: Wanted, broker_id: int | None, vhost: str | None, page: int, page_size: int, at: datetime | None = None
) -> Page[Finding]:  # fmt: skip
    """Those that closed (by `at`), the latest first, without their bodies; with `broker_id` also those about Hareline itself. What another one explained is
    found by its rule, level, name or words."""
    check_page(page, page_size)
    where = in_scope(scope) & Q(closed_at__isnull=False) & _chosen(scope, wanted)
    if at is not None:
        where &= Q(closed_at__lte=at)
    if broker_id is not None:
        where &= Q(broker=None) | Q(broker_id=broker_id)
    if vhost is not None:
        where &= Q(vhost__in=("", vhost))
    if not (wanted.levels or wanted.rules or wanted.names or wanted.words):
        where &= Q(under=None)
    found = one_page(Finding.objects.filter(where).select_related("broker").defer("body").order_by("-closed_at", "-pk"), page, page_size)
    found.items = as_visible(scope, found.items)
    return found


def _chosen(scope: Scope, wanted: Wanted) -> Q:
    """Titles are searched by who may view all of them; others find names, as far as these are shown to them."""
    where = Q()
    for field, values in (("worst_level", wanted.levels), ("rule", wanted.rules), ("broker__name", wanted.brokers), ("vhost", wanted.vhosts)):
        if values:
            where &= Q(**{f"{field}__in": values})
    named = Q() if scope.is_everything else Q(broker__isnull=False) | Q(kind__in=OWN_KINDS)
    for name in wanted.names:
        where &= named & Q(name__icontains=name)
    for word in wanted.words:
        where &= Q(title__icontains=word) if scope.is_everything else Q(broker__isnull=False, name__icontains=word)
    if wanted.start is not None:
        where &= Q(closed_at__gte=wanted.start)
    if wanted.end is not None:
        where &= Q(opened_at__lt=wanted.end)
    return where


def findings_of_rule(scope: Scope, rule: str, since: datetime) -> list[Finding]:
    """Those of a rule that were open at some time since then, the newest first, without their bodies."""
    rows = Finding.objects.filter(in_scope(scope), Q(closed_at=None) | Q(closed_at__gte=since), rule=rule)
    return as_visible(scope, rows.select_related("broker").defer("body").order_by("-opened_at", "-pk")[:1000])


def effects_of(scope: Scope, finding: Finding) -> list[Finding]:
    """The findings under it, the oldest first: those that are open, or, once it has closed itself, all."""
    over = Q() if finding.closed_at is not None else Q(closed_at=None)
    return as_visible(scope, Finding.objects.filter(in_scope(scope), over, under=finding).select_related("broker").defer("body").order_by("pk"))


def events_of(findings: Sequence[Finding], limit: int = 200) -> list[FindingEvent]:
    """What happened to them, the oldest first; of very many the latest ones."""
    return list(FindingEvent.objects.filter(finding__in=findings).order_by("-pk")[:limit])[::-1]


def visible_events(scope: Scope, events: Iterable[FindingEvent]) -> list[FindingEvent]:
    """The events, without who made a silence and why, where that silence names what may not be viewed, or is no longer stored."""
    found = list(events)
    silencing = [] if scope.is_everything else [one for one in found if one.kind == "silenced"]
    rows = Silence.objects.filter(begun_at__in=[one.at for one in silencing]) if silencing else ()
    seen = {(one.begun_at, one.user_name, one.reason) for one in rows if patterns_in(scope, one)}
    for one in silencing:
        if (one.at, one.user_name, one.text) not in seen:
            one.user_name = one.text = ""
    return found


def findings_like(finding: Finding, since: datetime, limit: int = 20) -> Page[Finding]:
    """The others of the same rule and object that opened since then, the latest first."""
    rows = Finding.objects.filter(identity=finding.identity, opened_at__gte=since).exclude(pk=finding.pk).defer("body")
    return one_page(rows.order_by("-opened_at", "-pk"), 1, limit)


def latest_opened(scope: Scope, limit: int) -> list[Finding]:
    """Open or closed, the one that opened last first."""
    return as_visible(scope, Finding.objects.filter(in_scope(scope)).select_related("broker").order_by("-opened_at", "-pk")[:limit])


def latest_change() -> int | None:
    """Another value after each change of a finding, by a round or by a person: the key of the latest event."""
    return FindingEvent.objects.aggregate(latest=Max("pk"))["latest"]


_SHOWN = """
SELECT (SELECT MAX(id) FROM dashboard_findingevent), COUNT(*), SUM(id) FROM dashboard_silence WHERE "until" > %s AND begun_at <= %s AND ended_at IS NULL
"""


def shown_state() -> tuple[int | None, ...]:
    """Another value whenever pages list or count other findings than before: after each change, and once a silence begins or ends by the clock."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN, [now, now])
        return tuple(cursor.fetchone())


def silence(scope: Scope, pk: int) -> Silence | None:
    found = Silence.objects.filter(pk=pk).first()
    return found if found is not None and patterns_in(scope, found) else None
