"""The page of periodic tasks and its table."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from brokers.queries.one_moment import one_moment
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.periodic.list_page import PeriodicPage


@require_safe
@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=table` its table."""
    shell = shell_of(request)
    shown = PeriodicPage(shell.scope, shell.brokers, shell.broker, shell.vhost, timezone.now())
    if request.GET.get("part") == "table":
        return render(request, "periodic/_table.html", {"page": shown})
    return render(request, "periodic/index.html", {"page": shown, **live_page(shown.topics, brokers=shell.brokers, scope=shell.scope)})
