"""A broker that is not visible: unreachable, refusing, or not being polled. It hides what the other rules could see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from brokers.clock import is_within
from brokers.models import Broker
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, identity
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, levels
from workers.presence import events_arrive

KEY = "broker_away"
NAME = "Broker not visible"
ABOUT = "A broker that does not respond, refuses Hareline's user, or is not polled; what it hides is unknown, not cleared."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)  # two polls in a row have failed already when a broker counts as away
CLEARS_AFTER = timedelta(seconds=10)

OWN_PROCESS, NOT_POLLED = "own_process", "is not being polled"
"""The rule of `dashboard.findings.rules.own_process`, whose finding about the poller explains every broker that is not polled."""
POLLER_IS_ALIVE = timedelta(seconds=30)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker, now = facts.its_broker, facts.now
    level = levels.broker_level(broker, now)
    if level.word != "unknown":
        return
    short, since, summary, causes, to_do, command = _explained(facts, broker)
    poller = identity(OWN_PROCESS, "", Object("process", "poller")) if short == NOT_POLLED else ""
    still = "Nothing is live. Last known values are kept and marked with their age."
    if any(events_arrive(source, now) for source in facts.sources):
        still = "Celery events still arrive over AMQP, so worker nodes are live."
    yield Found(
        KEY,
        object_of(broker),
        "critical" if broker.polled_at else "warning",
        f"{short}; its queues are unknown",
        since=since,
        summary=summary,
        meaning=still,
        evidence=[
            Evidence("State", broker.state, broker.tried_at),
            Evidence("Last response", formatting.moment_text(broker.polled_at, now) if broker.polled_at else "never"),
        ],
        causes=causes,
        to_do=to_do,
        command=command,
        links=[Link(f"Open {broker.name}", "overview")],
        clears="with the next poll that is answered",
        under=poller,
    )


def object_of(broker: Broker) -> Object:
    return Object("broker", broker.name, pk=broker.pk)


def _explained(facts: Facts, broker: Broker) -> tuple[str, datetime | None, str, list[Cause], list[str], str]:
    """A clause, since when, a summary, causes, what to do, and what to type."""
    now = facts.now
    known = f"Numbers are from {formatting.moment_text(broker.polled_at, now)}." if broker.polled_at else "It has never responded, so there are no numbers."
    if broker.state == Broker.UNREACHABLE:
        cause = Cause("The node is down, the management plugin is stopped, or the network is cut.", "no response on the management port")
        return (
            "is unreachable",
            broker.since,
            f"{_sentence(broker.reason)} {known}",
            [cause],
            [f"On the broker's host, check the listeners. {_again(broker)}"],
            "rabbitmq-diagnostics listeners",
        )
    if broker.state == Broker.REFUSED:
        cause, to_do, command = _refused(broker)
        return "refuses Hareline's user", broker.since, f"{_sentence(broker.reason)} {known}", [cause], [to_do], command
    poller = max((beat for beat in facts.beats if beat.kind == "poller"), key=lambda beat: beat.at, default=None)
    if poller is None or not is_within(poller.at, now, POLLER_IS_ALIVE) or poller.problem:
        why = _sentence(poller.problem) if poller and poller.problem else "Hareline's poller is not running."
        return NOT_POLLED, broker.polled_at, known, [Cause(why)], ["Check Hareline's log, and the page About this installation."], ""
    cause = Cause("The poller is waiting for an answer of this broker, which is slow or stands still.")
    return "has not answered", broker.polled_at, known, [cause], ["If it lasts, check the broker's node and its load."], ""


def _again(broker: Broker) -> str:
    return f"Hareline retries every {formatting.duration(broker.poll_seconds or levels.DEFAULT_POLL_SECONDS)} and recovers automatically."


def _refused(broker: Broker) -> tuple[Cause, str, str]:
    """By what the broker gave as its reason, where it did."""
    check = f"Check the entry {broker.name} in HARELINE_BROKERS."
    command = re.search(r"rabbitmqctl set_user_tags .+? monitoring(?= gives it one)", broker.reason)
    if command:
        cause = Cause("The password is right, but the user has no tag, which every user of the management API needs.")
        return cause, f"Give the user the tag monitoring. {_again(broker)}", command[0]
    if "(Login failed)" in broker.reason:
        return Cause("The password is wrong, or there is no such user at the broker."), f"{check} {_again(broker)}", "rabbitmqctl list_users"
    cause = Cause("The management API rejects the user: the password is wrong, or the user lacks the tag monitoring.")
    return cause, f"{check} Or give its user the tag. {_again(broker)}", "rabbitmqctl set_user_tags USER monitoring"


def _sentence(reason: str) -> str:
    text = reason.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""
