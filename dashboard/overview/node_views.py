"""The page of one node of a broker's cluster."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers import queries
from brokers.queries.one_moment import one_moment
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.overview.node_page import NodePage


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` its figures or its charts. A node that left the cluster keeps its page."""
    scope = shell_of(request).scope
    node = queries.node_by_id(scope, pk)
    if node is None:
        raise Http404("No node has this id, or you may not view its broker as a whole.")
    shown = NodePage(scope, node, request.path, request.GET.dict(), timezone.now())
    context = {"page": shown, "node": node, "row": shown.row, "now": shown.now, "charts": shown.charts, "chart_links": shown.chart_links}
    if request.GET.get("part") == "charts":
        return charts_answer(request, "components/_charts.html", context)
    if request.GET.get("part") == "notice":
        return render(request, "overview/_node_notice.html", context)
    return render(request, "overview/node.html", {**context, **live_page(shown.topics, [shown.row.key], [shown.broker], scope=scope)})
