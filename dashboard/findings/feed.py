"""The Atom feed: the findings that opened last, open or over."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from brokers.characters import visible
from brokers.scope import Scope
from dashboard import queries
from dashboard.findings.rule import read_body
from dashboard.layout import formatting
from dashboard.models import Finding

ENTRIES = 50
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")  # what `visible` leaves and XML has no place for


def feed(scope: Scope, absolute: Callable[[str], str], now: datetime) -> str:
    """The feed as text. `absolute` makes an address of the site a whole one. An entry keeps its id; it is updated when its finding is over, or back."""
    address = absolute(reverse("findings"))
    made = Atom1Feed("Hareline: findings", address, "What is wrong, and what was", feed_guid=address)
    for one in queries.latest_opened(scope, ENTRIES):
        page = absolute(reverse("finding", args=[one.pk]))
        made.add_item(
            title=in_xml(f"{'Cleared' if one.closed_at else one.level.capitalize()}: {one.title}"),
            link=page,
            description=text(one, now),
            pubdate=one.opened_at,
            updateddate=one.closed_at or one.again_since or one.opened_at,
            unique_id=page,
            categories=[one.rule, one.worst_level, *([in_xml(one.broker.name)] if one.broker else [])],
        )
    return made.writeString("utf-8")


def text(one: Finding, now: datetime) -> str:
    """What a reader shows of an entry."""
    body = read_body(one.body)
    where = " ".join(part for part in (one.broker.name if one.broker else "Hareline", one.vhost) if part)
    since = one.began
    when = f"Since {formatting.moment_text(since, now)} UTC."
    if one.closed_at:
        lasted = formatting.duration(max(one.closed_at - since, one.closed_at - one.closed_at))
        when = f"From {formatting.moment_text(since, now)} to {formatting.moment_text(one.closed_at, now)} UTC, {lasted}."
    evidence = "; ".join(f"{each.name}: {each.value}" for each in body.evidence)
    causes = f"Probable cause: {body.causes[0].text}" if body.causes else ""
    return "\n".join(in_xml(part) for part in (f"On {where}. {when}", body.summary, evidence, causes, *body.to_do) if part)


def in_xml(line: str) -> str:
    """A line with what can't be seen as pictures, as on the pages: XML can't hold most of it.

    >>> in_xml("a\\x00\\x1b[31m\\n"), in_xml("a\\uffff")
    ('a␀␛[31m␊', 'a�')
    """
    return _NO_CHARACTERS.sub("�", visible(line))
