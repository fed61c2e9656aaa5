"""A finding as the overview shows it: a panel with what, since when, why and what to do, a card with its first facts, or a line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from django.urls import reverse

from brokers.scope import Scope
from dashboard import queries
from dashboard.findings import links
from dashboard.findings.rule import read_body
from dashboard.layout.levels import Level, Word
from dashboard.models import Finding

FACTS = 6


class Fact(msgspec.Struct, frozen=True):
    name: str
    value: str


class Card(msgspec.Struct, frozen=True):
    """One finding. Texts are whole sentences; `command` is what to type, "" if nothing. `place_url`: of the page of what it is about, or a list of it."""

    key: str
    level: Level
    title: str
    since: datetime | None
    since_at_least: bool
    again: bool  # it was closed in between: `since` is when it came back
    url: str
    lead: str
    meaning: str
    why: str
    evidence: str
    todo: str
    command: str
    place_text: str
    place_url: str
    facts: tuple[Fact, ...]
    where: str
    taken_by: str
    effects: int
    unsure: str
    unseen_since: datetime | None  # the rules no longer see it, not yet for long enough to clear it


def cards(scope: Scope, found: Iterable[Finding], all_open: Iterable[Finding] = ()) -> list[Card]:
    """The cards of these open findings, in this order, with their bodies as they are stored now. `all_open`: to count those that each explains."""
    found = list(found)
    bodies = queries.findings_by_ids(scope, [one.pk for one in found]) if found else {}
    above = [one.under_id for one in all_open]
    return [card(bodies[one.pk], above.count(one.pk)) for one in found if one.pk in bodies]


def card(one: Finding, effects: int = 0) -> Card:
    body = read_body(one.body)
    first = next(((link.text, url) for link in body.links if (url := links.address_of(link, one))), ("", ""))
    cause = body.causes[0] if body.causes else None
    return Card(
        key=f"finding-{one.pk}",
        level=Level(_word(one.level), one.short or one.title),
        title=one.title,
        since=one.began,
        since_at_least=one.since_at_least and one.again_since is None,
        again=one.again_since is not None,
        url=reverse("finding", args=[one.pk]),
        lead=body.summary,
        meaning=body.meaning,
        why=cause.text if cause else "",
        evidence=cause.evidence if cause else "",
        todo=" ".join(body.to_do),
        command=body.command,
        place_text=first[0],
        place_url=first[1],
        facts=tuple(Fact(each.name, each.value) for each in body.evidence[:FACTS]),
        where=" ".join(part for part in (one.broker.name if one.broker else "", one.vhost) if part),
        taken_by=one.taken_by,
        effects=effects,
        unsure=one.unsure,
        unseen_since=one.absent_since,
    )


def _word(level: str) -> Word:
    words: dict[str, Word] = {"critical": "critical", "warning": "warning", "unknown": "unknown", "notice": "notice"}
    return words[level]
