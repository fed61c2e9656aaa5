"""Who may read the audit log."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from dashboard.models import User
from dashboard.people import access


def why_not(user: User | AnonymousUser) -> str:
    """A sentence; "" for who may read it. The log is about all brokers, so a right that is limited to some is not enough."""
    return "" if access.may(user, "audit") else "You can't read the audit log: that needs the permission to read it everywhere, which admins have."
