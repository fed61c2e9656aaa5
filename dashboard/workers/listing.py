"""Whether a worker node is listed, in a sentence, and what a person may do about it: pin it, or forget it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser

from dashboard import store as dashboard_store
from dashboard.layout import formatting
from dashboard.models import User
from dashboard.people import access
from dashboard.people.audited import audited
from workers import store
from workers.models import Worker
from workers.presence import has_left

PIN, UNPIN, FORGET = "pin", "unpin", "forget"
ACTIONS = {PIN: "pin worker", UNPIN: "unpin worker", FORGET: "forget worker"}


def text(worker: Worker, gone_for: timedelta, now: datetime) -> str:
    """What its place in the lists is; "" for a worker that is online and not pinned.

    >>> text(Worker(state="gone", since=datetime(2026, 1, 1, 3)), timedelta(hours=24), datetime(2026, 1, 1, 4))
    'It leaves the lists 1 d after it went, at 2 Jan 03:00:00, unless it is pinned.'
    """
    if worker.pinned:
        return "It is pinned: it stays in the lists when it is gone."
    if worker.state == Worker.ONLINE:
        return ""
    if has_left(worker, now, gone_for):
        if worker.state == Worker.GONE and worker.since and now - worker.since > gone_for:
            return f"It is no longer listed: it has been gone for over {formatting.duration(gone_for)}."
        return "It was forgotten, and is listed again once anything of it is received."
    if worker.state == Worker.GONE and worker.since:
        leaves = formatting.moment_text(worker.since + gone_for, now)
        return f"It leaves the lists {formatting.duration(gone_for)} after it went, at {leaves}, unless it is pinned."
    return "It stays in the lists while its state is unknown."


def may_change(user: User | AnonymousUser, worker: Worker) -> bool:
    return access.may(user, "control", worker.broker.name, worker.vhost)


def change(user: User | AnonymousUser, worker: Worker, action: str, now: datetime) -> bool:
    """Does one of ACTIONS and records it. False if this person may not."""
    place: dict[str, Any] = {"broker": worker.broker.name, "vhost": worker.vhost, "name": worker.hostname}
    if not may_change(user, worker):
        dashboard_store.audit(user, ACTIONS[action], dashboard_store.REFUSED, now, **place)
        return False
    with audited(user, ACTIONS[action], **place):
        if action == FORGET:
            store.forget_worker(worker, now)
        else:
            store.pin_worker(worker, action == PIN)
    return True
