"""One round: every rule looks at the same facts. A rule that raises is itself a finding, and the others go on. Pure."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from brokers.lab_names import is_of_lab
from dashboard.findings import grouping
from dashboard.findings.facts import Facts
from dashboard.findings.lifecycle import Round
from dashboard.findings.rule import Evidence, Found, Object, Rule, Unsure
from dashboard.findings.rules import ALL
from dashboard.findings.rules import broker_away as away
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import levels

if TYPE_CHECKING:
    from brokers.models import Broker

RULE_FAILED = "rule_failed"
_FAILED_TIMES = (timedelta(0), timedelta(minutes=1))


class Looked(msgspec.Struct, frozen=True):
    """What a round reported, and which rules failed."""

    round: Round
    failed: list[str]


def look(rules: Sequence[Rule], facts: Facts, thresholds: Thresholds, failed: Callable[[str, Exception], None] = lambda _, __: None) -> Looked:
    """`failed` is called with the key of each rule that raises, and what it raised, while that is being handled."""
    found: dict[str, Found] = {}
    unsure: dict[str, list[Unsure]] = {}
    failures = []
    for rule in rules:
        hidden = hidden_from(rule, facts)
        if hidden is not None:
            unsure[rule.KEY] = [hidden]
            continue
        mine: list[Found] = []
        try:
            for report in rule.look(facts, thresholds):
                if isinstance(report, Unsure):
                    unsure.setdefault(rule.KEY, []).append(report)
                else:
                    mine.append(report)
        except Exception as error:  # noqa: BLE001  (reported, and logged by the caller)
            failed(rule.KEY, error)
            failures.append(rule.KEY)
            unsure[rule.KEY] = [Unsure("the rule failed")]
            mine = [_failed(rule, error)]
        mine = [one for one in mine if not is_of_lab(one.object.vhost) and not thresholds.is_off(rule.KEY, one.object.vhost, one.object.name)]
        mine = grouping.grouped(mine, facts)
        facts.found += mine
        found |= {facts.identity(one.rule, one.object, one.detail): one for one in mine}
    return Looked(Round(found, unsure), failures)


def times(rule: str) -> tuple[timedelta, timedelta]:
    """(opens after, clears after) of a rule by its key; of one that is no longer there, it closes at once."""
    if rule == RULE_FAILED:
        return _FAILED_TIMES
    known = ALL.get(rule)
    return (timedelta(0), timedelta(0)) if known is None else (known.OPENS_AFTER, known.CLEARS_AFTER)


def hidden_from(rule: Rule, facts: Facts) -> Unsure | None:
    """Why a rule can't assess anything of the broker now; None if it can."""
    broker = facts.broker
    if broker is None or not rule.NEEDS:
        return None
    why = levels.unavailable(broker, facts.now)
    if why:
        return Unsure(why, under=_away(facts, broker))
    why = next((why for part in rule.NEEDS if part != "broker" and (why := levels.unread(broker, part, facts.now))), "")
    return Unsure(why) if why else None


def _away(facts: Facts, broker: Broker) -> str:
    return facts.identity(away.KEY, away.object_of(broker))


def _failed(rule: Rule, error: Exception) -> Found:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"
    return Found(
        RULE_FAILED,
        Object("rule", rule.NAME),
        "warning",
        "could not be checked, by an error in Hareline",
        title=f"Hareline’s rule “{rule.NAME}” fails",
        summary="The other rules go on. What this one found before stays open until it works again.",
        evidence=[Evidence("Error", type(error).__name__), Evidence("Where", where)],
        to_do=["Report it, with the lines around it in Hareline's log."],
        clears="when the rule works again",
    )
