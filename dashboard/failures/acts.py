"""What a person may do with a group of failures: resolve it, reopen it, comment; each is recorded in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser

from brokers.characters import is_storable
from dashboard import store
from dashboard.failures.text import message_of, title_of
from dashboard.models import User
from dashboard.people import access
from dashboard.people.audited import audited
from workers.queries import Failures
from workers.store import comment_on_failures, reopen_failures, resolve_failures

RESOLVE, REOPEN, COMMENT = "resolve", "reopen", "comment"
ACTIONS = {RESOLVE: "resolve failures", REOPEN: "reopen failures", COMMENT: "comment on failures"}
LONGEST_COMMENT = 4000


def why_not(user: User | AnonymousUser, found: Failures) -> str:
    """Why this person can't act on it, as a sentence; "" if they can. A group is of a whole virtual host, and so must the right be."""
    allowed = access.may(user, "silence", found.group.broker.name, found.group.vhost)
    return "" if allowed else "You can view these failures, but not resolve or comment on them: your role does not allow it in the whole virtual host."


def comment_problem(action: str, text: str) -> str:
    """What is wrong with a comment, which only COMMENT needs; "" if it may be stored."""
    if not text.strip():
        return "Write what you see or did." if action == COMMENT else ""
    if not is_storable(text):
        return "It holds a character that can't be stored."
    return f"At most {LONGEST_COMMENT:,} characters; these are {len(text):,}." if len(text) > LONGEST_COMMENT else ""


def act(user: User | AnonymousUser, found: Failures, action: str, now: datetime, text: str = "") -> str:
    """Does one of ACTIONS and records it; why not, if this person may not. What was done already is not done again."""
    group, text = found.group, text.strip()
    place: dict[str, Any] = {"broker": group.broker.name, "vhost": group.vhost, "name": title_of(found)}
    detail: dict[str, Any] = {"failure": group.pk, "message": message_of(found), "place": group.place} | ({"text": text} if text else {})
    refused = why_not(user, found)
    if refused:
        store.audit(user, ACTIONS[action], store.REFUSED, now, **place, detail=detail)
        return refused
    name = user.get_username()
    with audited(user, ACTIONS[action], **place, **detail) as act:
        if action == COMMENT:
            comment_on_failures(group, name, text, now)
        elif not (resolve_failures if action == RESOLVE else reopen_failures)(group, name, text, now):
            act.unchanged()
    return ""
