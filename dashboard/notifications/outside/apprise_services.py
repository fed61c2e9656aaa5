"""Services that the library apprise knows: Slack, Teams, Telegram, PagerDuty, Opsgenie and some hundred others."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import apprise
from apprise.plugins.pagerduty import NotifyPagerDuty, PagerDutyAction

from dashboard.notifications.outside.guard import Guard
from dashboard.notifications.outside.web import Failed

_STATUS = re.compile(r"\berror=(\d{3})\b")
ON_THIS_MACHINE = frozenset({"dbus", "qt", "glib", "kde", "gnome", "macosx", "windows", "syslog"})


class _Errors(logging.Handler):
    """Only the numbers of what the library logs, whose lines may hold the address."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.statuses += _STATUS.findall(record.getMessage())


def service(url: str) -> Any:
    """The library's object for an address. Raises Failed."""
    if url.partition("://")[0].lower().rstrip("s") in ON_THIS_MACHINE:
        raise Failed("it would notify this machine only")
    asset = apprise.AppriseAsset(async_mode=False, app_id="Hareline", app_desc="Hareline", app_url="", secure_logging=True)
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not found:
        raise Failed("it is no address that apprise knows, or a part of it is missing")
    return found


def notify(found: Any, question: Mapping[str, Any]) -> bool:
    """Whether the service took it. PagerDuty gets each finding as an incident of its own, which its recovery resolves: done again, this changes nothing. Of an
    address that sets the key of incidents by itself (`?dedup=`), and of other services, all findings are one message."""
    incidents = question.get("incidents") or ()
    if not incidents or not isinstance(found, NotifyPagerDuty) or found.dedup:
        return _notify(found, question["title"], question["text"], question["type"])
    found.request_rate_per_sec = 0  # it would wait for seconds between two
    done = True
    for one in incidents:
        found.dedup, found.action = one["key"], PagerDutyAction.RESOLVE if one["is_over"] else PagerDutyAction.TRIGGER
        done = _notify(found, one["title"], one["text"], question["type"]) and done
    return done


def _notify(found: Any, title: str, text: str, type: str) -> bool:
    return bool(found.notify(body=text, title=title, notify_type=type, body_format=apprise.NotifyFormat.TEXT))


def send(question: Mapping[str, Any], guard: Guard) -> None:
    """Raises Failed."""
    errors = _Errors()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [errors], False
    logger.setLevel(logging.WARNING)
    found = service(question["url"])
    guard.close_files()
    if not notify(found, question):
        raise Failed(f"the service answered with status {errors.statuses[-1]}" if errors.statuses else "the service did not take it")
