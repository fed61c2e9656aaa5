"""People with rights, for tests of pages, calls and sockets."""

from __future__ import annotations

from django.utils import timezone

from dashboard.models import User
from dashboard.store import rights


def person(name: str = "eve", role: str = "viewer", *, broker: str = "", vhost: str = "", queue: str = "") -> User:
    """A person who has the role there."""
    user = User.objects.create_user(name, password="a good long one 17")
    rights.grant(user, role, timezone.now(), broker=broker, vhost=vhost, queue=queue)
    return user
