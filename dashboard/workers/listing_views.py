"""Pins a worker node in the lists, or forgets it: forms of its page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.layout.frame import shell_of
from dashboard.workers import listing
from workers import queries


@require_POST
def change(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    worker = queries.worker_by_id(shell_of(request).scope, pk)
    if worker is None or action not in listing.ACTIONS:
        raise Http404("There is no such worker node, or you may not see it.")
    if not listing.change(request.user, worker, action, timezone.now()):
        raise PermissionDenied
    return redirect("workers") if action == listing.FORGET else redirect("worker", pk=pk)
