"""Who may manage people: only who may do so everywhere, since whoever grants roles could grant themselves any."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from dashboard import store
from dashboard.people.access import may


def check_manager(request: HttpRequest, action: str, name: str = "") -> None:
    """Raises PermissionDenied for everybody else; what they posted is recorded."""
    if may(request.user, "people"):
        return
    if request.method == "POST":
        store.audit(request.user, action, store.REFUSED, timezone.now(), name=name)
    raise PermissionDenied
