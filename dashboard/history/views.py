"""The history page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.history.page import HistoryPage
from dashboard.layout.frame import shell_of


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """How far back history goes, a form for a moment, and the last day, or the day of the address."""
    shell = shell_of(request)
    return render(request, "history/index.html", {"page": HistoryPage(shell.scope, shell.brokers, shell.broker, request.GET.get("day", ""), shell.now)})
