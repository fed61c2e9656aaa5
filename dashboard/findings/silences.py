"""Silences: which findings, why, until when; checked, counted before they are made, and recorded in the audit log."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers.characters import is_storable
from brokers.scope import EVERYTHING, Scope
from dashboard import queries, store
from dashboard.findings.checked import rule_name
from dashboard.layout import formatting, moments
from dashboard.models import Finding, Silence, User
from dashboard.people import access
from dashboard.people.audited import audited

ACTION, END_ACTION = "silence findings", "end silence"
LONGEST = timedelta(days=366)
LONGEST_REASON = 1000
PATTERNS = {"rule": 40, "broker": 200, "vhost": 255, "name": 500}
"""The fields of a silence that are patterns, and how long each may be."""
ENDS = (("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day"), ("7d", "7 days"), ("at", "At a time, UTC"))
FINDING, OBJECT, RULE, FREE = "finding", "object", "rule", "patterns"
QUEUE = "queue"


class SilenceForm(msgspec.Struct):
    """The form as it was filled in. `about` is FINDING, OBJECT, RULE or FREE; the patterns count for FREE only."""

    about: str = FINDING
    rule: str = "*"
    broker: str = "*"
    vhost: str = "*"
    name: str = "*"
    reason: str = ""
    end: str = "4h"
    at: str = ""


def filled_in(given: Mapping[str, str], finding: Finding | None) -> SilenceForm:
    usual = SilenceForm(about=FINDING if finding else FREE)
    values = {name: str(given.get(name, getattr(usual, name))) for name in SilenceForm.__struct_fields__}
    if values["about"] not in (FINDING, OBJECT, RULE, FREE) or finding is None:
        values["about"] = FREE
    return SilenceForm(**values)


def patterns(wanted: SilenceForm, finding: Finding | None) -> dict[str, str]:
    """{field: pattern} of what is to be silenced; with the kind of the object where it is that of a finding."""
    if wanted.about == FREE or finding is None:
        return {field: getattr(wanted, field).strip() or "*" for field in PATTERNS}
    exact = {"rule": finding.rule, "broker": finding.broker.name if finding.broker else "", "vhost": finding.vhost, "name": finding.name}
    found = {field: glob.escape(value) for field, value in exact.items()}
    if wanted.about == OBJECT:
        found["rule"] = "*"
    if wanted.about == RULE:
        return found | {"name": "*"}
    return found | {"kind": finding.kind}


def end_of(wanted: SilenceForm, now: datetime) -> datetime | None:
    """When it ends; None where that is no time."""
    lengths = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "1d": timedelta(days=1), "7d": timedelta(days=7)}
    if wanted.end in lengths:
        return now + lengths[wanted.end]
    return moments.moment_of(wanted.at, now) if wanted.end == "at" else None


def problems(silenced: Mapping[str, str], reason: str, until: datetime | None, now: datetime) -> dict[str, str]:
    """{field: what is wrong with it}, {} if it may be stored."""
    found = {}
    for field, most in PATTERNS.items():
        if len(silenced[field]) > most:
            found[field] = f"At most {most} characters."
        elif not is_storable(silenced[field]):
            found[field] = "It holds a character that can't be stored."
    if not reason.strip():
        found["reason"] = "A reason is needed: others see it beside the findings."
    elif len(reason) > LONGEST_REASON or not is_storable(reason):
        found["reason"] = f"At most {LONGEST_REASON:,} characters of text."
    if until is None:
        found["until"] = "A time is needed, as 2026-11-24 14:20."
    elif until <= now:
        found["until"] = "That is over already."
    elif until - now > LONGEST:
        found["until"] = "At most a year."
    return found


def unsaved(silenced: Mapping[str, str], reason: str, until: datetime, user_name: str, now: datetime) -> Silence:
    return Silence(**silenced, reason=reason.strip(), until=until, user_name=user_name[:200], begun_at=now)


def matching(silence: Silence) -> list[Finding]:
    """The open findings that it is about, of all brokers: a silence holds for everybody."""
    return [one for one in queries.open_findings(EVERYTHING, bodies=False) if queries.matches(silence, one)]


def preview(silenced: Mapping[str, str], scope: Scope, now: datetime) -> Sequence[Finding]:
    """The open findings that such a silence would be about, of those that may be seen."""
    silence = unsaved(silenced, "", now, "", now)
    return [one for one in queries.open_findings(scope, bodies=False) if queries.matches(silence, one)]


def nothing_there(silenced: Mapping[str, str], vhosts: Mapping[str, Collection[str]], rules: Collection[str]) -> str:
    """What of it matches nothing that there is now, as a sentence; "" if all does. `vhosts` by the name of their broker. It may be meant for what comes.

    >>> nothing_there({"rule": "*", "broker": "prd", "vhost": "*"}, {"prod": ["/"]}, ["growing"])
    'No broker matches now; there is prod.'
    """
    if not _any(rules, silenced["rule"]):
        return "No rule matches."
    brokers = [name for name in vhosts if fnmatchcase(name, silenced["broker"])]
    if not brokers and silenced["broker"] and vhosts:
        return f"No broker matches now; there {'is' if len(vhosts) == 1 else 'are'} {formatting.listed(list(vhosts), 5)}."
    names = sorted({vhost for name in brokers for vhost in vhosts[name]})
    if names and silenced["vhost"] and not _any(names, silenced["vhost"]):
        return f"No virtual host matches now; there {'is' if len(names) == 1 else 'are'} {formatting.listed(names, 5)}."
    return ""


def _any(names: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def why_not(user: User | AnonymousUser, silenced: Mapping[str, str]) -> str:
    """Why this person can't silence what matches; a pattern of several places needs the right in all of them, and what is not about queues alone needs one that
    is not limited to some queues."""
    broker, vhost, name = (literal(silenced[field]) for field in ("broker", "vhost", "name"))
    queue = name if silenced.get("kind") == QUEUE else None
    if access.may(user, "silence", broker or None, vhost or None, queue or None):
        return ""
    return "You can view findings, but not silence them: your role does not allow it there."


def narrowed(user: User | AnonymousUser, silenced: Mapping[str, str]) -> dict[str, str]:
    """The same, about the queue alone where a name is typed by somebody whose right is limited to queues: what else has that name is not theirs."""
    of_queue = {**silenced, "kind": QUEUE}
    return of_queue if silenced.get("kind", "*") == "*" and why_not(user, silenced) and not why_not(user, of_queue) else dict(silenced)


def literal(pattern: str) -> str | None:
    """The only text that a pattern matches; None where it matches several.

    >>> literal("a[[]b]"), literal("a*"), literal("mail")
    ('a[b]', None, 'mail')
    """
    text = queries.unescaped(pattern)
    return text if glob.escape(text) == pattern or (text == pattern and not set("*?[") & set(pattern)) else None


def patterns_of(silence: Silence) -> dict[str, str]:
    return {field: getattr(silence, field) for field in (*PATTERNS, "kind")}


def add(user: User | AnonymousUser, silence: Silence, now: datetime) -> Silence:
    """Stores what was checked."""
    found = matching(silence)
    with audited(user, ACTION, **_place(silence), **_detail(silence, len(found))) as act:
        store.add_silence(silence, found)
        act.detail["silence"] = silence.pk
    return silence


def end(user: User | AnonymousUser, silence: Silence, now: datetime) -> str:
    """Ends it before its time; why not, if this person may not."""
    refused = why_not(user, patterns_of(silence))
    if refused:
        store.audit(user, END_ACTION, store.REFUSED, now, **_place(silence), detail=_detail(silence))
        return refused
    found = matching(silence)
    with audited(user, END_ACTION, **_place(silence), **_detail(silence, len(found))) as act:
        if not store.end_silence(silence, found, user.get_username(), now):
            act.unchanged()
    return ""


def note_refusal(user: User | AnonymousUser, silenced: Mapping[str, str], why: str, now: datetime) -> None:
    place: dict[str, Any] = {field: silenced[field][: PATTERNS[field]] for field in ("broker", "vhost", "name")}
    store.audit(user, ACTION, store.REFUSED, now, **place, detail={"rule": silenced["rule"][:40], "reason": why})


def _place(silence: Silence) -> dict[str, Any]:
    return {"broker": silence.broker, "vhost": silence.vhost, "name": silence.name}


def _detail(silence: Silence, count: int = 0) -> dict[str, Any]:
    return {"rule": silence.rule, "reason": silence.reason, "until": silence.until.isoformat(), "silence": silence.pk, "findings": count}


def text(silence: Silence) -> str:
    """What it is about, in words.

    >>> text(Silence(rule="no_consumer", broker="prod", vhost="*", name="mail.*"))
    'Nobody consumes, of mail.* on prod'
    """
    rule = "Everything" if silence.rule == "*" else rule_name(silence.rule)
    parts = [rule + ("," if (silence.name, silence.vhost, silence.broker) != ("*", "*", "*") else "")]
    kind = "" if silence.kind == "*" else f"{silence.kind} "
    parts += [f"of {kind}{queries.unescaped(silence.name)}"] if silence.name not in ("*", "") else []
    parts += [f"in {queries.unescaped(silence.vhost)}"] if silence.vhost not in ("*", "") else []
    parts += [f"on {queries.unescaped(silence.broker)}"] if silence.broker not in ("*", "") else []
    return " ".join(parts).rstrip(",") if len(parts) > 1 else parts[0].rstrip(",")
