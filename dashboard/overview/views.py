"""The overview page and its parts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.overview.page import OneBroker
from dashboard.overview.several import SeveralBrokers

PARTS = ("state", "figures", "charts", "changes", "queues", "workers", "nodes", "limits")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` one of its parts."""
    shell = shell_of(request)
    now = shell.now
    part = request.GET.get("part")
    if not shell.brokers:
        return render(request, "overview/empty.html")
    if shell.broker is None:
        several = SeveralBrokers(shell.scope, shell.brokers, now)
        template = "overview/_several.html" if part == "several" else "overview/several.html"
        return render(request, template, {"overview": several, "now": now, **live_page(several.topics, brokers=shell.brokers, scope=shell.scope)})
    shell.check_recorded()
    one = OneBroker(shell.scope, shell.broker, shell.vhost, request.GET.dict(), now)
    if part == "charts":
        return charts_answer(request, "overview/_charts.html", {"overview": one, "charts": one.charts if one.is_recorded else []})
    if part in PARTS:
        return render(request, f"overview/_{part}.html", {"overview": one, "now": now})
    template = "overview/past.html" if shell.at else "overview/index.html"
    return render(request, template, {"overview": one, "now": now, **live_page(one.topics, brokers=shell.brokers, scope=shell.scope)})
