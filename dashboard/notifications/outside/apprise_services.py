"""Services that the library apprise knows: Slack, Teams, Telegram, PagerDuty, Opsgenie and some hundred others."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import apprise

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


def send(question: Mapping[str, Any], guard: Guard) -> None:
    """Raises Failed."""
    errors = _Errors()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [errors], False
    logger.setLevel(logging.WARNING)
    found = service(question["url"])
    guard.close_files()
    done = found.notify(body=question["text"], title=question["title"], notify_type=question["type"], body_format=apprise.NotifyFormat.TEXT)
    if not done:
        raise Failed(f"the service answered with status {errors.statuses[-1]}" if errors.statuses else "the service did not take it")
