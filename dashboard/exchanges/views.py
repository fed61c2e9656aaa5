"""The exchanges page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.exchanges.completion import exchange_values
from dashboard.exchanges.list_page import ExchangeList
from dashboard.layout.addresses import ListAddress
from dashboard.layout.filter_language import EXCHANGES
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only table, notices or completion."""
    shell = shell_of(request)
    listed = ExchangeList(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, shell.now)
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, EXCHANGES, exchange_values(listed))
    if part in ("table", "notices"):
        template = "exchanges/_table.html" if part == "table" else "queues/_notices.html"
        return render(request, template, {"list": listed, **(listed.table() if part == "table" else {})})
    table = listed.table()
    return render(request, "exchanges/index.html", {"list": listed, **table, **live_page(table["topics"], brokers=shell.brokers, scope=shell.scope)})
