"""One exchange's page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers import queries
from brokers.queries.one_moment import one_moment
from brokers.queries.pages import share_brokers
from dashboard.exchanges.bindings import Bindings
from dashboard.exchanges.detail_page import ExchangePage
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.layout.rates_and_depth import exchange_chart_context
from dashboard.live.seen import live_page

PARTS = ("bindings", "publishers", "notice", "what", "transfers")


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its parts. A deleted exchange keeps its page."""
    shell = shell_of(request)
    scope, now = shell.scope, shell.now
    exchange = queries.exchange_by_id(scope, pk, shell.at)
    if exchange is None:
        raise shell.missing(queries.exchange_by_id(scope, pk), "No exchange has this id.")
    share_brokers([exchange], shell.brokers if shell.at else ())
    shown, bindings = ExchangePage(scope, exchange, now), Bindings(scope, exchange, request.path, request.GET)
    part = request.GET.get("part")
    if part == "charts":
        return charts_answer(request, "components/_charts.html", exchange_chart_context(request, scope, exchange, now))
    if part in PARTS:
        made = {"bindings": bindings.context, "publishers": shown.publishers, "transfers": shown.transfers}.get(part, dict)()
        template = "components/_transfers.html" if part == "transfers" else f"exchanges/_{part}.html"
        return render(request, template, {"page": shown, **shown.head(), **made})
    parts = {
        **bindings.context(),
        **shown.publishers(),
        **shown.transfers(),
        **exchange_chart_context(request, scope, exchange, now),
    }
    return render(
        request, "exchanges/detail.html", {"page": shown, **live_page(shown.topics, [f"exchange-{pk}"], [shown.broker], scope=scope), **shown.head(), **parts}
    )
