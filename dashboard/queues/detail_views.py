"""One queue's page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers import queries
from brokers.queries.one_moment import one_moment
from brokers.queries.pages import share_brokers
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.layout.rates_and_depth import queue_chart_context
from dashboard.live.seen import live_page
from dashboard.people.access import may
from dashboard.queues.detail_page import QueuePage

PARTS = ("bindings", "consumers", "story", "settings", "notice", "transfers", "waiting")


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its parts. A deleted queue keeps its page; at a past moment it has what was recorded."""
    shell = shell_of(request)
    scope, now = shell.scope, shell.now
    queue = queries.queue_by_id(scope, pk, shell.at)
    if queue is None:
        raise shell.missing(queries.queue_by_id(scope, pk), "No queue has this id.")
    share_brokers([queue], shell.brokers if shell.at else ())
    shown = QueuePage(scope, queue, now)
    part = request.GET.get("part")
    if part == "charts":
        return charts_answer(request, "components/_charts.html", queue_chart_context(request, scope, queue, now))
    if part in PARTS:
        makers = {name: getattr(shown, name) for name in ("bindings", "consumers", "settings", "transfers", "waiting")}
        template = "components/_transfers.html" if part == "transfers" else f"queues/_{part}.html"
        return render(request, template, {"page": shown, **shown.head(), **makers.get(part, dict)()})
    parts = {**shown.bindings(), **shown.consumers(), **shown.settings(), **shown.transfers(), **shown.waiting()}
    charts = queue_chart_context(request, scope, queue, now)
    may_peek = may(request.user, "peek", shown.broker.name, queue.vhost, queue.name)
    return render(
        request,
        "queues/past.html" if shell.at else "queues/detail.html",
        {"page": shown, "may_peek": may_peek, **live_page(shown.topics, [f"queue-{pk}"], [shown.broker], scope=scope), **shown.head(), **parts, **charts},
    )
