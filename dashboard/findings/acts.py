"""What a person may do with a finding: take it on, release it, comment; each is recorded in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser

from brokers.characters import is_storable
from dashboard import store
from dashboard.models import Finding, User
from dashboard.people import access
from dashboard.people.audited import audited

TAKE, RELEASE, COMMENT = "take", "release", "comment"
ACTIONS = {TAKE: "take on finding", RELEASE: "release finding", COMMENT: "comment on finding"}
LONGEST_COMMENT = 4000


def why_not(user: User | AnonymousUser, finding: Finding | None = None) -> str:
    """Why this person can't act on it (None: on findings of any place), as a sentence; "" if they can."""
    if finding is None:
        allowed = access.may(user, "silence")
    else:
        queue = finding.name if finding.kind == "queue" else None
        allowed = access.may(user, "silence", finding.broker.name if finding.broker else None, finding.vhost or None, queue)
    return "" if allowed else "You can view findings, but not act on them: your role does not allow it here."


def comment_problem(text: str) -> str:
    """What is wrong with a comment; "" if it may be stored."""
    if not text.strip():
        return "Write what you see or did."
    if not is_storable(text):
        return "It holds a character that can't be stored."
    return f"At most {LONGEST_COMMENT:,} characters; these are {len(text):,}." if len(text) > LONGEST_COMMENT else ""


def act(user: User | AnonymousUser, finding: Finding, action: str, now: datetime, text: str = "") -> str:
    """Does one of ACTIONS and records it; why not, if this person may not. What was done already is not done again."""
    place: dict[str, Any] = {"broker": finding.broker.name if finding.broker else "", "vhost": finding.vhost, "name": finding.name}
    detail: dict[str, Any] = {"finding": finding.pk, "rule": finding.rule, "title": finding.title[:500]}
    refused = why_not(user, finding)
    if refused:
        store.audit(user, ACTIONS[action], store.REFUSED, now, **place, detail=detail)
        return refused
    name = user.get_username()
    if action == COMMENT:
        detail["text"] = text.strip()
    with audited(user, ACTIONS[action], **place, **detail) as act:
        if action == COMMENT:
            store.comment_on_finding(finding, name, text.strip(), now)
        elif not (store.take_finding if action == TAKE else store.release_finding)(finding, name, now):
            act.unchanged()
    return ""
