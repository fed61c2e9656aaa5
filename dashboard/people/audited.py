"""What every action of a person goes through: the intent is in the audit log before anything is done, and its outcome after, so that a crash leaves a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from dashboard import store
from dashboard.models import AuditEvent, User


class AuditedAction:
    """What is done now. Whoever does it may add to `detail`, and sets `outcome` where it is another one than DONE."""

    event: AuditEvent
    """The entry with the outcome, once the action is over."""

    def __init__(self, detail: dict[str, Any]) -> None:
        self.detail = detail
        self.outcome = store.DONE

    def failed(self, reason: str) -> None:
        self.outcome, self.detail["reason"] = store.FAILED, reason

    def unchanged(self) -> None:
        """There was nothing to do."""
        self.outcome = store.UNCHANGED


@contextmanager
def audited(
    user: User | AnonymousUser | None, action: str, *, user_name: str = "", broker: str = "", vhost: str = "", name: str = "", **detail: Any
) -> Iterator[AuditedAction]:
    """Around what a person changes, once it is certain that they may. An exception is a failure, by its name where
    no reason was noted, and goes on. `user_name`: who does it where that is no user of ours."""
    about: dict[str, Any] = {"user_name": user_name, "broker": broker, "vhost": vhost, "name": name}
    intent = store.audit(user, action, store.BEGUN, timezone.now(), **about, detail=dict(detail))
    act = AuditedAction(dict(detail))
    try:
        yield act
    except BaseException as error:
        if act.outcome != store.FAILED:
            act.failed(type(error).__name__)
        raise
    finally:
        act.event = store.audit(user, action, act.outcome, timezone.now(), **about, detail=act.detail, intent=intent.number)
