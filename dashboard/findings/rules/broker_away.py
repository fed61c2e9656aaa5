"""A broker that is not visible: unreachable, refusing, or not being polled. It hides what the other rules could see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from brokers.clock import is_within
from brokers.models import Broker
from dashboard.findings import poller
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Unsure, identity
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

OWN_PROCESS, NOT_POLLED, NOT_ANSWERED = "own_process", "is not being polled", "has not answered"
"""The rule of `dashboard.findings.rules.own_process`, whose finding about the poller explains every broker that is not polled."""
OWN_WORK, POLLS = "own_work", "polls of {}"
"""The rule of `dashboard.findings.rules.own_work`, and its object, whose finding explains a broker for which the poller stands still."""


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker, now = facts.its_broker, facts.now
    level = levels.broker_level(broker, now)
    if level.word != "unknown":
        return
    if poller.is_not_yet_reached(broker, facts.beats, now):
        yield Unsure("it is not yet reached since Hareline started", kind="broker", name=broker.name)
        return
    short, since, summary, causes, to_do, command = _explained(facts, broker)
    if short == NOT_ANSWERED and poller.is_late(facts.beats, now):  # its own finding explains this once it is seen
        yield Unsure("Hareline's poller has reported nothing for some seconds", kind="broker", name=broker.name)
        return
    own = short == NOT_POLLED and not any(beat.problem for beat in facts.beats if beat.kind == "poller") and poller.stands_still(broker, facts.beats, now)
    still = "Nothing is live. Last known values are kept and marked with their age."
    if any(events_arrive(source, now) for source in facts.sources):
        still = "Celery events still arrive over AMQP, so worker nodes are live."
    yield Found(
        KEY,
        object_of(broker),
        "unknown" if own else "critical" if broker.polled_at else "warning",  # the poller's own finding is the critical one
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
        under=_above(facts, broker, short, own=own),
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
    latest = max((beat for beat in facts.beats if beat.kind == "poller"), key=lambda beat: beat.at, default=None)
    if latest is None or not is_within(latest.at, now, poller.IS_ALIVE) or latest.problem:
        why = _sentence(latest.problem) if latest and latest.problem else "Hareline's poller is not running."
        return NOT_POLLED, broker.polled_at, known, [Cause(why)], ["Check Hareline's log, and the page About this installation."], ""
    if poller.stands_still(broker, facts.beats, now):
        cause = Cause("Hareline's poller stands still: it lives, and sends this broker no requests.", "nothing is known against the broker")
        return NOT_POLLED, broker.polled_at, known, [cause], ["Check Hareline's log, and the load of its machine and of its database."], ""
    cause = Cause("The poller is waiting for an answer of this broker, which is slow or stands still.")
    if poller.idle(broker, facts.beats, now) is None:
        cause = Cause("The broker is slow or stands still, or Hareline's poller does.")
    return NOT_ANSWERED, broker.polled_at, known, [cause], ["If it lasts, check the broker's node and its load."], ""


def _above(facts: Facts, broker: Broker, short: str, *, own: bool) -> str:
    """The identity of the finding about Hareline itself that explains why it is not polled; "" for one of the broker."""
    if own:
        return identity(OWN_WORK, "", Object("hareline", POLLS.format(broker.name)), "poll")
    return identity(OWN_PROCESS, "", Object("process", "poller")) if short == NOT_POLLED else ""


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
