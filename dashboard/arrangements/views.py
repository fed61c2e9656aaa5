"""The page of arrangements and its part."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.arrangements.page import ArrangementsPage
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=arrangements` only the flows."""
    shell = shell_of(request)
    shown = ArrangementsPage(shell.scope, shell.brokers, shell.broker, shell.vhost, timezone.now())
    if request.GET.get("part") == "arrangements":
        return render(request, "arrangements/_flows.html", {"page": shown})
    return render(request, "arrangements/index.html", {"page": shown, **live_page(shown.topics, shown.rows, shell.brokers, scope=shell.scope)})
