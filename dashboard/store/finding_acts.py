"""What people do with findings: they take them on, comment, silence. Each also makes the pages of their broker renew what they show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from brokers.store.revisions import revise
from dashboard.models import Finding, FindingEvent, Silence


def take_finding(finding: Finding, user_name: str, now: datetime) -> bool:
    """Notes who is on it. False where somebody already is, or it has closed."""
    with transaction.atomic():
        changed = Finding.objects.filter(pk=finding.pk, closed_at=None, taken_by="").update(taken_by=user_name[:200], taken_at=now)
        if changed:
            _note([finding], "taken", user_name, "", now)
    return bool(changed)


def release_finding(finding: Finding, user_name: str, now: datetime) -> bool:
    """Nobody is on it any more. False where nobody was."""
    with transaction.atomic():
        changed = Finding.objects.filter(pk=finding.pk).exclude(taken_by="").update(taken_by="", taken_at=None)
        if changed:
            _note([finding], "released", user_name, "", now)
    return bool(changed)


def comment_on_finding(finding: Finding, user_name: str, text: str, now: datetime) -> None:
    with transaction.atomic():
        _note([finding], "comment", user_name, text, now)


def add_silence(silence: Silence, matching: Iterable[Finding]) -> Silence:
    """The silence as it was stored. `matching`: the open findings that it is about."""
    with transaction.atomic():
        silence.save(force_insert=True)
        _note(matching, "silenced", silence.user_name, silence.reason, silence.begun_at, everywhere=True)
    return silence


def end_silence(silence: Silence, matching: Iterable[Finding], user_name: str, now: datetime) -> bool:
    """Ends it before its time. False where that was done before."""
    with transaction.atomic():
        changed = Silence.objects.filter(pk=silence.pk, ended_at=None).update(ended_at=now)
        if changed:
            _note(matching, "unsilenced", user_name, "", now, everywhere=True)
    return bool(changed)


def _note(findings: Iterable[Finding], kind: str, user_name: str, text: str, now: datetime, everywhere: bool = False) -> None:
    """The events of it, and the next revision of the brokers that it is about. What is about Hareline itself is on the pages of all brokers."""
    findings = list(findings)
    FindingEvent.objects.bulk_create(FindingEvent(finding=one, at=now, kind=kind, level=one.level, user_name=user_name[:200], text=text) for one in findings)
    revise({one.broker_id for one in findings} | ({None} if everywhere else set()))
