"""The map's page, its fragment, and the same for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.map import export
from dashboard.map.format import Map
from dashboard.map.page import MapPage
from dashboard.map.wanted import wanted


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only the drawing's JSON or the tables; to a page that draws this already, the figures alone."""
    shell, shown = shell_of(request), _page(request)
    if request.GET.get("part") == "map" and request.headers.get(FORM) == shown.form:
        return HttpResponse(shown.figures, content_type="application/json")
    if part := PARTS.get(request.GET.get("part", "")):
        return render(request, part, {"page": shown})
    return render(request, "map/index.html", {"page": shown, **live_page(shown.topics, shown.closely, brokers=shell.brokers, scope=shell.scope)})


@one_moment()
def exported(request: HttpRequest, kind: str) -> HttpResponse:
    """What the page draws, as Graphviz DOT or as a flowchart of Mermaid."""
    made = EXPORTS.get(kind)
    if made is None:
        raise Http404(f"The map is exported as {' or '.join(EXPORTS)}.")
    response = HttpResponse(made(_page(request).map), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="hareline-map.{ENDINGS[kind]}"'
    return response


FORM = "Hareline-Form"
"""The header in which a page says what it draws: `MapPage.form`."""
PARTS: Mapping[str, str] = {"map": "map/_data.html", "map-table": "map/_tables.html"}
EXPORTS: Mapping[str, Callable[[Map], str]] = {"dot": export.dot, "mermaid": export.mermaid}
ENDINGS: Mapping[str, str] = {"dot": "dot", "mermaid": "mmd"}


def _page(request: HttpRequest) -> MapPage:
    shell = shell_of(request)
    shell.check_recorded()
    return MapPage(shell.scope, wanted(request.GET), shell.brokers, shell.broker, shell.vhost, shell.now, shell.opened)
