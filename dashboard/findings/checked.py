"""When the rules looked last, by how many, and what they could not assess: without that, an empty list means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from brokers.models import Broker
from dashboard.findings.open_now import OpenNow, why_rules_stand_still
from dashboard.findings.round import RULE_FAILED
from dashboard.findings.rules import ALL

HARELINE = "Hareline itself"


class Standing(msgspec.Struct, frozen=True):
    """What the rules do not look at now, and when they last did; None: never."""

    name: str
    at: datetime | None


class NotAssessed(msgspec.Struct, frozen=True):
    """Rules that could not assess something, and why."""

    where: str
    why: str
    rules: list[str]


class Checked(msgspec.Struct, frozen=True):
    """`at`: the earliest of the latest rounds; None where one is missing. `took_ms`: of processor time, of all these rounds together."""

    at: datetime | None
    rules: int
    took_ms: float
    standing: list[Standing]
    not_assessed: list[NotAssessed]
    failed: list[str]

    @property
    def why_standing(self) -> str:
        return why_rules_stand_still()

    @property
    def is_complete(self) -> bool:
        return not (self.standing or self.not_assessed or self.failed)


def checked(opened: OpenNow, brokers: Sequence[Broker]) -> Checked:
    """About these brokers and Hareline itself."""
    places: list[tuple[int | None, str]] = [*((broker.pk, broker.name) for broker in brokers), (None, HARELINE)]
    rounds = [(name, opened.rounds[key]) for key, name in places if key in opened.rounds]
    standing = [Standing(name, opened.rounds[key].at if key in opened.rounds else None) for key, name in places if opened.stands_still(key)]
    unsure = []
    for name, one in rounds:
        by_reason: dict[str, list[str]] = {}
        for rule, why in one.unsure.items():
            if rule not in one.failed:
                by_reason.setdefault(why, []).append(rule_name(rule))
        unsure += [NotAssessed(name, why, rules) for why, rules in by_reason.items()]
    return Checked(
        min((one.at for _, one in rounds), default=None) if len(rounds) == len(places) else None,
        len(ALL),
        sum(one.took_ms for _, one in rounds),
        standing,
        unsure,
        sorted({rule_name(rule) for _, one in rounds for rule in one.failed}),
    )


def rule_name(key: str) -> str:
    """What people call a rule; the key itself of one that is no longer there."""
    if key == RULE_FAILED:
        return "Rule fails"
    return ALL[key].NAME if key in ALL else key
