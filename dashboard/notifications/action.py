"""What administrators do with targets: each is checked here and recorded in the audit log, without anything secret."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError

from dashboard import store
from dashboard.models import Target, User
from dashboard.notifications import messages, sending, vault
from dashboard.notifications.form import Entered
from dashboard.notifications.sending import Outcome
from dashboard.notifications.targets import address_of
from dashboard.people import access
from dashboard.people.audited import audited

ACTIONS = {"test": "test target", "pause": "pause target", "resume": "resume target", "remove": "remove target"}
ADD, CHANGE = "add target", "change target"
TEST_SECONDS = 10.0


class Removed(Exception):
    """The target was removed while its form was open."""


def may(user: User | AnonymousUser) -> bool:
    return access.may(user, "settings")


def check_service(kind: str, entered: Entered) -> str:
    """What is wrong with an address of apprise, "" if nothing; the other kinds were checked by the form."""
    if kind != Target.APPRISE or entered.address.secret is None:
        return ""
    error = sending.check(entered.address.secret["url"]).error
    return f"{error[:1].upper()}{error[1:]}." if error else ""


def save(user: User | AnonymousUser, kind: str, target: Target | None, entered: Entered, now: datetime) -> Target | None:
    """The stored target; None where another has that name. Raises Removed where it was removed meanwhile."""
    row, changes = target or Target(kind=kind, created_at=now), dict(entered.changes)
    if entered.address.secret is not None:
        changes |= {"secret": vault.encrypted(entered.address.secret), "failures": 0, "failing_since": None}
    if entered.address.secret is not None or kind == Target.MAIL:
        changes |= {"options": entered.address.options, "shown": entered.address.shown}
    changes["changed_at"] = now
    for name, value in changes.items():
        setattr(row, name, value)
    detail: dict[str, Any] = {"kind": kind, "address": row.shown, "new_address": entered.address.secret is not None}
    with audited(user, CHANGE if target else ADD, name=row.name, **detail) as act:
        try:
            is_stored = store.save_target(row, changes)
        except IntegrityError:
            act.failed("another target has this name")
            return None
        if not is_stored:
            raise Removed
    return row


def act(user: User | AnonymousUser, target: Target, action: str, now: datetime) -> str:
    """Does one of ACTIONS, and returns a sentence for the page."""
    if action == "test":
        return test(user, target, now)
    with audited(user, ACTIONS[action], name=target.name, kind=target.kind):
        if action == "remove":
            store.remove_target(target.pk)
        else:
            store.pause_target(target.pk, action == "pause", now)
    done = {"remove": "is removed", "pause": "is paused: nothing is sent there", "resume": "goes on: it gets what is still open"}[action]
    return f"{target.name} {done}."


def test(user: User | AnonymousUser, target: Target, now: datetime) -> str:
    """Sends a message that is marked as a test, from this process, and reports what came of it."""
    with audited(user, ACTIONS["test"], name=target.name, kind=target.kind) as act:
        outcome = _sent(user, target, now)
        if outcome.error:
            act.failed(outcome.error)
            store.missed(target.pk, outcome.error, 0.0, now)
        else:
            store.reached(target.pk, now)
    if outcome.error:
        return f"The test failed: {outcome.error}."
    return f"The test was sent to {target.name}{f'; {outcome.note}' if outcome.note else ''}."


def _sent(user: User | AnonymousUser, target: Target, now: datetime) -> Outcome:
    try:
        address = address_of(target)
    except vault.Unreadable as error:
        return Outcome(str(error))
    if target.kind == Target.HEARTBEAT:
        return sending.ping(address["url"], TEST_SECONDS)
    message = messages.of_a_test(secrets.token_hex(16), target.name, user.get_username(), settings.PUBLIC_URL, now)
    return sending.send(target.kind, address, message, TEST_SECONDS)


def note_refusal(user: User | AnonymousUser, action: str, target: Target | None, now: datetime) -> None:
    store.audit(user, action, store.REFUSED, now, name=target.name if target else "", detail={"kind": target.kind} if target else {})
