"""The pages of statistics, and the table as CSV."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from brokers import queries as broker_queries
from brokers.queries.one_moment import one_moment
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.statistics import export as exported
from dashboard.statistics.detail_page import StatisticsOfOne
from dashboard.statistics.list_page import StatisticsPage


@require_safe
@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=table` its table."""
    shown, shell = _listed(request), shell_of(request)
    if request.GET.get("part") == "table":
        return render(request, "statistics/_table.html", {"page": shown})
    return render(request, "statistics/index.html", {"page": shown, **live_page(shown.topics, brokers=shell.brokers, scope=shell.scope)})


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Every row of the table, in its order."""
    response = HttpResponse(exported.table(_listed(request)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="hareline-statistics.csv"'
    return response


@require_safe
@one_moment()
def of_one(request: HttpRequest) -> HttpResponse:
    """The page of a name, a queue, or a name in a queue; 404 where it is of nothing that may be viewed."""
    shell, given = shell_of(request), request.GET
    broker = broker_queries.broker(shell.scope, given.get("broker", ""))
    if broker is None or not given.get("vhost") or not ("name" in given or "queue" in given):
        raise Http404("Statistics are of a name or a queue in a virtual host of a broker.")
    if not shell.scope.touches(broker.name, given["vhost"]) or ("queue" in given and not shell.scope.covers(broker.name, given["vhost"], given["queue"])):
        raise Http404("These statistics may not be viewed, or there are none.")
    shown = StatisticsOfOne(shell.scope, given, request.path, broker, given["vhost"], timezone.now())
    if request.GET.get("part") == "charts":
        return charts_answer(request, "components/_charts.html", {"charts": shown.charts, "chart_links": shown.chart_links})
    return render(request, "statistics/detail.html", {"page": shown, **live_page([], brokers=shell.brokers, scope=shell.scope)})


def _listed(request: HttpRequest) -> StatisticsPage:
    shell = shell_of(request)
    return StatisticsPage(shell.scope, request.GET, request.path, shell.brokers, shell.broker, shell.vhost, timezone.now())
