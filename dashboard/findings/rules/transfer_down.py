"""A shovel or a federation link that does not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from brokers import parts
from brokers.models import Transfer
from brokers.stats import LINK, SHOVEL, SHOVEL_STATUS
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import transfers
from dashboard.layout.levels import Word

KEY = "transfer_down"
NAME = "Shovel or federation link down"
ABOUT = "A shovel or a federation link does not run, or is blocked by the other end."
NEEDS = ("broker", parts.TRANSFERS)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=20)

LEVELS: Mapping[str, Word] = {
    "starting": "warning",
    "terminated": "critical",
    "error": "critical",
    "shutdown": "warning",
    "flow": "notice",
    "blocked": "warning",
}
"""By the state that the broker reports; others are no trouble."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    statuses = {(one.vhost, one.name): one for one in facts.transfers if one.kind == SHOVEL_STATUS}
    defined = {(one.vhost, one.name): one for one in facts.transfers if one.kind == SHOVEL}
    can_see = bool(statuses) or any(one.kind == LINK for one in facts.transfers)
    for one in facts.transfers:
        if thresholds.is_off(KEY, one.vhost, one.name):
            continue
        if one.kind == SHOVEL and (one.vhost, one.name) not in statuses and can_see:
            yield _found(one, "no state", "critical", f"shovel {one.name}", _ends(one.facts), facts)
        elif one.kind == SHOVEL_STATUS:
            state = _state(one.facts)
            if state in LEVELS:
                ends = defined.get((one.vhost, one.name), one).facts  # a shovel that is not connected reports none
                yield _found(one, state, LEVELS[state], f"shovel {one.name}", _ends(ends), facts)
        elif one.kind == LINK:
            state = _state(one.facts)
            if state in LEVELS:
                there = f"{one.facts.get('kind')} {one.facts.get('object')}"
                yield _found(
                    one,
                    state,
                    LEVELS[state],
                    f"federation upstream {one.name} of {there}",
                    [Evidence("From", str(one.facts.get("address") or "not reported"))],
                    facts,
                )


def _state(known: Mapping[str, Any]) -> str:
    return str(known.get("state") or "")  # of a shovel that runs and is blocked: "blocked" or "flow" (rabbit_shovel_mgmt_util, format_info)


def _ends(known: Mapping[str, Any]) -> list[Evidence]:
    found = []
    for name, end in (("From", known.get("src")), ("To", known.get("dest"))):
        if end:
            found.append(Evidence(name, transfers.end_text(end, str(end.get("address") or ""))))
    return found


def _found(one: Transfer, state: str, level: Word, what: str, ends: list[Evidence], facts: Facts) -> Found:
    at = facts.its_broker.inventory_at or facts.its_broker.polled_at
    short, meaning, cause = {
        "flow": ("is slowed down", "It moves messages more slowly than they come.", "The other end applies flow control: it is slower than this one."),
        "blocked": ("is blocked", "It moves no messages until the other end takes them.", "The other end has an alarm and blocks publishers."),
        "no state": (
            "is defined and does not run",
            "It moves no messages.",
            "The shovel ended and is not started again (reconnect-delay 0), or its plugin is off.",
        ),
    }.get(
        state,
        (
            "is down",
            "It moves no messages.",
            "The other end is out of reach, or refuses the connection, the user or the queue.",
        ),
    )
    if state == "starting":
        short = "is not connected: its state is starting"
        meaning = "It moves no messages until it is connected. While it can't connect, the broker starts it again and again."
    return Found(
        KEY,
        Object("transfer", what, one.vhost, one.pk),
        level,
        short,
        meaning=meaning,
        evidence=[Evidence("State", state, at, "as the broker reports it"), *ends],
        causes=[Cause(cause)],
        to_do=["The broker's log has the reason. Check the address, the user and the queue or exchange at the other end."],
        command="rabbitmqctl federation_status" if one.kind == LINK else "rabbitmqctl shovel_status",
        links=[Link("Queues", "queues")],
        clears="when it runs",
    )
