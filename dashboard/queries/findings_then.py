"""Findings at a past moment: which were open and how bad they were, by their events; and when findings began and ended.

Their titles are those of their last event by then; what else they say is as it was last seen, since no more is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from brokers.scope import Scope
from dashboard.models import Finding, FindingEvent, FindingRound, Silence
from dashboard.queries.findings import of_watched, rounds, silenced
from dashboard.queries.visible_findings import as_visible, in_scope

MOST_TIMES = 2000
_STATES = ("opened", "returned", "closed", "level")


def findings_open_at(scope: Scope, at: datetime, broker_id: int | None = None) -> list[Finding]:
    """Those that were open then, with their broker and the level they had, the oldest first; without their bodies."""
    rows = Finding.objects.filter(in_scope(scope), of_watched(), Q(closed_at=None) | Q(closed_at__gt=at), opened_at__lte=at)
    rows = rows if broker_id is None else rows.filter(broker_id=broker_id)
    found = list(rows.select_related("broker").defer("body").order_by("pk"))
    there = [one for one in _as_then(found, at) if one.closed_at is None]
    return as_visible(scope, there)


def finding_at(scope: Scope, pk: int, at: datetime) -> Finding | None:
    """The finding as it was then, with its broker and the finding that explains it; None if it may not be seen, or had not begun."""
    rows = Finding.objects.filter(in_scope(scope), pk=pk, opened_at__lte=at).select_related("broker", "under")
    return next(iter(as_visible(scope, _as_then(list(rows), at))), None)


def _as_then(found: list[Finding], at: datetime) -> list[Finding]:
    """The rows, which are never saved, with the level, title and end of that moment."""
    then = _states_at([one.pk for one in found], at)
    for one in found:
        is_open, level, title = then.get(one.pk, (True, "", ""))
        one.level, one.title, one.unsure = level or one.level, title or one.title, ""
        one.closed_at = None if is_open else min(one.closed_at or at, at)
        one.taken_by = one.taken_by if one.taken_at is not None and one.taken_at <= at else ""
        one.again_since = one.again_since if one.again_since is not None and one.again_since <= at else None
    return found


def _states_at(keys: Sequence[int], at: datetime) -> dict[int, tuple[bool, str, str]]:
    """{finding: (whether it was open, its level and its title then, "" where no event has them)}."""
    found: dict[int, tuple[bool, str, str]] = {}
    rows = FindingEvent.objects.filter(finding_id__in=keys, at__lte=at, kind__in=_STATES).order_by("at", "pk")
    for pk, kind, level, title in rows.values_list("finding_id", "kind", "level", "text"):
        is_open, known_level, known_title = found.get(pk, (True, "", ""))
        if kind == "closed":
            found[pk] = (False, known_level, known_title)
        else:
            found[pk] = (is_open or kind != "level", level or known_level, title or known_title)
    return found


def silenced_at(scope: Scope, findings: Sequence[Finding], at: datetime) -> tuple[list[Silence], dict[int, datetime]]:
    """(the silences that held then, {primary key: until when} of those of these findings that were silenced)."""
    holding = silences_at(at) if findings else []
    whole = findings if scope.is_everything else Finding.objects.filter(pk__in=[one.pk for one in findings]).select_related("broker").defer("body")
    return holding, silenced(whole, holding)


def silences_at(at: datetime) -> list[Silence]:
    """Those that held then."""
    return list(Silence.objects.filter(Q(ended_at=None) | Q(ended_at__gt=at), until__gt=at, begun_at__lte=at).order_by("until"))


def rounds_at(scope: Scope, at: datetime) -> list[FindingRound]:
    """As `rounds`: when the rules last looked, which is no later than the moment. Single rounds are not kept: they looked then if they have looked since."""
    found = rounds(scope)
    for one in found:
        one.at = min(one.at, at)
        one.failed, one.unsure = [], {}
    return found


def finding_times(scope: Scope, start: datetime, end: datetime, broker_id: int | None = None) -> list[datetime]:
    """The moments from `start` to `end` at which a finding began or ended, of those that count by themselves; at most MOST_TIMES of each."""
    where = in_scope(scope) & of_watched() & Q(under=None)
    where &= Q() if broker_id is None else Q(broker=None) | Q(broker_id=broker_id)
    rows, found = Finding.objects.filter(where), []
    for field in ("opened_at", "closed_at"):
        between = rows.filter(**{f"{field}__gte": start, f"{field}__lte": end})
        found += [at for at in between.order_by(f"-{field}").values_list(field, flat=True)[:MOST_TIMES] if at is not None]
    return sorted(found)
