"""Findings as somebody sees them who may not view everything.

A finding is about an object, which decides whether it is visible. Its texts name others: where only a part of a virtual host is visible, and in findings about
Hareline itself, the rule stands in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q

from brokers.queries import visible
from brokers.queries.partial_figures import hide_brokers
from brokers.scope import Scope
from brokers.visible_reasons import without_address, without_addresses
from dashboard.models import Finding, FindingRound, RuleSetting, Silence
from workers.models import Worker
from workers.queries import workers_in

OWN_KINDS = ("process", "rule")
"""Of the objects of Hareline itself those whose names may be read by everybody."""


REASON_HIDDEN = "the reason is not shown, as it may name objects outside your rights"


def in_scope(scope: Scope) -> Q:
    """Findings about Hareline itself are for everybody."""
    if scope.is_everything:
        return Q()
    found = Q(broker=None) | visible.rows_in(scope) | Q(kind="queue") & visible.rows_in(scope, queue="name")
    if not scope.limits_queues:
        return found
    return found | Q(kind="worker", object_id__in=Worker.objects.filter(workers_in(scope)).order_by().values("pk"))


def shows_texts(scope: Scope, one: Finding) -> bool:
    """Whether all texts of a finding may be viewed."""
    return scope.is_everything or (one.broker is not None and scope.covers(one.broker.name, one.vhost or None))


def as_visible(scope: Scope, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, read within the scope with their broker, without what may not be viewed: their texts, and the finding above that explains them."""
    found = list(findings)
    if scope.is_everything:
        return found
    above = {one.under_id for one in found if one.under_id is not None}
    seen = set(Finding.objects.filter(in_scope(scope), pk__in=above).values_list("pk", flat=True)) if above else set()
    for one in found:
        if one.under_id is not None and one.under_id not in seen:
            one.under = None
        elif one.under_id is not None and "under" in one._state.fields_cache:
            as_visible(scope, [one.under] if one.under else [])
        if not shows_texts(scope, one):
            _leave_out_texts(one)
        elif one.broker is not None and not scope.covers(one.broker.name):
            _leave_out_addresses(one)
    hide_brokers(scope, found)
    return found


def visible_rounds(scope: Scope, rounds: Iterable[FindingRound]) -> list[FindingRound]:
    """The rounds, with their broker. Why a rule could not look may name any object of the broker, or any broker where it is about Hareline itself: the rule
    remains."""
    found = list(rounds)
    for one in [] if scope.is_everything else found:
        if one.broker is None or not scope.covers(one.broker.name):
            one.unsure = dict.fromkeys(one.unsure, REASON_HIDDEN)
    hide_brokers(scope, found)
    return found


def _leave_out_texts(one: Finding) -> None:
    if one.broker is None and one.kind not in OWN_KINDS:
        one.name = ""
    one.short = one.rule.replace("_", " ")
    one.title = f"{one.name}: {one.short}" if one.name else one.short
    one.unsure = "it can’t be seen at the moment" if one.unsure else ""
    one.body = {"summary": "What it shows is left out, as it may name objects outside your rights."}


def _leave_out_addresses(one: Finding) -> None:
    for name in {"title", "short", "unsure", "close_reason"} - one.get_deferred_fields():
        setattr(one, name, without_address(getattr(one, name)))
    if "body" not in one.get_deferred_fields():
        one.body = without_addresses(one.body)


def patterns_in(scope: Scope, one: Silence | RuleSetting) -> bool:
    """Whether the patterns of a silence or a setting name only what is visible. What holds everywhere names nothing."""
    vhost, name = (None if value in ("", "*") else value for value in (one.vhost, one.name))
    if (one.broker, vhost, name) == ("*", None, None):
        return True
    of_queues = not isinstance(one, Silence) or one.kind in ("*", "queue")
    return scope.covers(unescaped(one.broker), vhost and unescaped(vhost), unescaped(name) if name and of_queues else None)


def unescaped(pattern: str) -> str:
    """The pattern with the characters that `glob.escape` escaped as they are in names.

    >>> unescaped("a[[]b][*]")
    'a[b]*'
    """
    return _ESCAPED.sub(r"\1", pattern)


_ESCAPED = re.compile(r"\[([*?\[])\]")
